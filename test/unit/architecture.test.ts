/** The import directions of the folders and the homes of packages, as docs/architecture.md states them. */
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
  gateway: ["protocol"],
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
      const found = source.matchAll(/(?:from|import)\s*\(?\s*"([^"\n]+)"/g);
      return [...found].map(([, target = ""]) => ({ file, folder, target }));
    });
}

const all = Object.keys(allowed).flatMap(importsOf);

function folderOf(each: Import): string {
  return fileOf(each).split("/")[0] ?? "";
}

function fileOf({ file, target }: Pick<Import, "file" | "target">): string {
  return relative(root, resolve(root, dirname(file), target));
}

/** The imports of a file that are there when it runs. */
function valueImportsOf(file: string): readonly Pick<Import, "target">[] {
  const source = readFileSync(join(root, file), "utf8");
  const found = source.matchAll(/^(?:import|export)\s(?!type\s)[^;]*?from "([^"]+)"/gm);
  return [...found].map(([, target = ""]) => ({ target }));
}

/** Which files each file imports, of ours. */
function edgesOf(imports: readonly Import[]): ReadonlyMap<string, readonly string[]> {
  const edges = new Map<string, string[]>();
  for (const each of imports.filter(({ target }) => target.startsWith("."))) {
    edges.set(each.file, [...(edges.get(each.file) ?? []), fileOf(each)]);
  }
  return edges;
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

  test("let the gateway know of Signalbox only how Redis is reached", () => {
    const known = all
      .filter(({ folder, target }) => folder === "gateway" && target.startsWith("../protocol/"))
      .map(fileOf)
      .filter((file) => !/^protocol\/(?:error\.ts|redis\/)/.test(file));
    expect(known).toEqual([]);
  });

  test("form no cycle", () => {
    const edges = edgesOf(all);
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

  test("keep the schema library out of what the client and the wire load", () => {
    const loaded = new Set<string>();
    const load = (file: string) => {
      if (loaded.has(file)) return;
      loaded.add(file);
      for (const { target } of valueImportsOf(file)) {
        if (target.startsWith(".")) load(fileOf({ file, target }));
        else loaded.add(target);
      }
    };
    for (const entry of ["client/index.ts", "protocol/index.ts"]) load(entry);
    const packages = [...loaded].filter((each) => !each.endsWith(".ts"));
    expect(packages).toEqual([]);
  });

  test("find something to check", () => {
    expect(all.length).toBeGreaterThan(100);
  });
});

/**
 * The parts of `functions/`, each with the parts that it may import besides itself: `http`, `auth` and `redis` serve every
 * resource, `openapi` describes them all, and files beside the folders are parts by themselves.
 */
const parts: Readonly<Record<string, readonly string[]>> = {
  http: [],
  redis: [],
  auth: [],
  "deps.ts": ["auth", "redis"],
  "settings.ts": ["http", "auth"],
  "config.ts": ["auth", "deps.ts", "settings.ts"],
  "log.ts": ["deps.ts"],
  jobs: ["http", "redis", "deps.ts"],
  failed: ["http", "deps.ts", "jobs"],
  schedules: ["http", "deps.ts"],
  nodes: ["http", "deps.ts"],
  results: ["http", "deps.ts"],
  health: ["http", "deps.ts"],
  openapi: ["http", "jobs", "failed", "schedules", "nodes", "results", "health"],
  "tick.ts": ["http", "deps.ts", "results", "schedules"],
  "schedules.ts": ["schedules"],
};
/** The files that put the parts together: they may import any of them. */
const roots = ["app.ts", "mount.ts", "signalbox.ts", "index.ts", "worker.ts"];
const resources = ["jobs", "failed", "schedules", "nodes", "results", "health"];

function partOf(file: string): string {
  return file.split("/")[1] ?? "";
}

describe("in functions/, imports", () => {
  const own = all.filter(
    (each) =>
      each.folder === "functions" &&
      each.target.startsWith(".") &&
      fileOf(each).startsWith("functions/"),
  );

  test("go only in the directions that are listed", () => {
    const wrong = own.filter((each) => {
      const [from, to] = [partOf(each.file), partOf(fileOf(each))];
      return from !== to && !roots.includes(from) && !(parts[from] ?? []).includes(to);
    });
    expect(wrong.map(({ file, target }) => `${file} → ${target}`)).toEqual([]);
  });

  test("let a document describe what a resource answers, and never run it", () => {
    const inContract = own.filter(({ file }) => /\/(?:contract|answers|request)\.ts$/.test(file));
    const allowedFiles =
      /\/(?:contract|answers|request|operation|answer-fields|page-limit|payload)\.ts$/;
    const wrong = inContract.filter((each) => !allowedFiles.test(fileOf(each)));
    const frameworks = all.filter(
      ({ file, target }) =>
        inContract.some((each) => each.file === file) && /^hono(?:\/|$)/.test(target),
    );
    const described = own.filter(
      (each) =>
        partOf(each.file) === "openapi" &&
        resources.includes(partOf(fileOf(each))) &&
        !fileOf(each).endsWith("/contract.ts"),
    );
    expect(
      [...wrong, ...frameworks, ...described].map(({ file, target }) => `${file} → ${target}`),
    ).toEqual([]);
  });

  test("form at most nine floors", () => {
    const edges = edgesOf(own);
    const floors = new Map<string, number>();
    const floorOf = (file: string): number => {
      const known = floors.get(file);
      if (known !== undefined) return known;
      const floor = 1 + Math.max(0, ...(edges.get(file) ?? []).map(floorOf));
      floors.set(file, floor);
      return floor;
    };
    const tooHigh = [...edges.keys()].filter((file) => floorOf(file) > 9);
    expect(tooHigh).toEqual([]);
  });

  test("give every resource the same shape", () => {
    const missing = resources.flatMap((resource) =>
      ["contract.ts", "routes.ts"]
        .map((name) => join("functions", resource, name))
        .filter((file) => !own.some((each) => each.file === file)),
    );
    expect(missing).toEqual([]);
  });
});
