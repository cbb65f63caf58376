import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");

/** Which of our folders each folder may import, and which packages only one of them may. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  functions: ["protocol"],
  subscriber: ["protocol"],
  producer: ["protocol", "subscriber"],
  client: ["protocol"],
  cli: ["protocol", "client", "gateway", "subscriber", "local"],
  gateway: [],
  examples: ["protocol"],
  local: ["protocol", "gateway", "examples"],
  bench: ["protocol", "functions", "subscriber", "producer", "local"],
};
const packageHomes: Readonly<Record<string, readonly string[]>> = {
  "@upstash/redis": ["functions"],
  hono: ["functions"],
  "@hono/node-server": ["local"],
  commander: ["cli"],
  bullmq: ["bench"],
  bull: ["bench"],
  "bee-queue": ["bench"],
  ioredis: ["subscriber", "gateway", "local", "bench"],
};

interface Import {
  readonly file: string;
  readonly folder: string;
  readonly target: string;
}

function importsOf(folder: string): readonly Import[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => {
      const file = join(folder, name);
      const source = readFileSync(join(root, file), "utf8");
      const found = source.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g);
      return [...found].map(([, target = ""]) => ({ file, folder, target }));
    });
}

const all = Object.keys(allowed).flatMap(importsOf);

function folderOf({ file, target }: Import): string {
  return relative(root, resolve(root, dirname(file), target)).split("/")[0] ?? "";
}

describe("imports", () => {
  test("go only in the directions that docs/architecture.md states", () => {
    const wrong = all
      .filter((each) => each.target.startsWith("."))
      .filter((each) => {
        const to = folderOf(each);
        return to !== each.folder && !(allowed[each.folder] ?? []).includes(to);
      });
    expect(wrong.map(({ file, target }) => `${file} → ${target}`)).toEqual([]);
  });

  test("keep each Redis client and the web framework where they belong", () => {
    const wrong = all.filter(({ folder, target }) =>
      Object.entries(packageHomes).some(
        ([name, homes]) =>
          (target === name || target.startsWith(`${name}/`)) && !homes.includes(folder),
      ),
    );
    expect(wrong.map(({ file, target }) => `${file} → ${target}`)).toEqual([]);
  });

  test("form no cycle", () => {
    const edges = new Map<string, string[]>();
    for (const each of all.filter(({ target }) => target.startsWith("."))) {
      const to = relative(root, resolve(root, dirname(each.file), each.target));
      edges.set(each.file, [...(edges.get(each.file) ?? []), to]);
    }
    const done = new Set<string>();
    const walk = (file: string, path: readonly string[]): readonly string[] => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
      if (done.has(file)) return [];
      done.add(file);
      for (const next of edges.get(file) ?? []) {
        const cycle = walk(next, [...path, file]);
        if (cycle.length > 0) return cycle;
      }
      return [];
    };
    const cycles = [...edges.keys()]
      .map((file) => walk(file, []))
      .filter(({ length }) => length > 0);
    expect(cycles).toEqual([]);
  });

  test("find something to check", () => {
    expect(all.length).toBeGreaterThan(100);
  });
});
