/** What the documents point to exists: links, their anchors, and paths of the repository. Each test gives one list. */
import { existsSync, globSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import {
  anchorsOf,
  codeBlocks,
  documents,
  fileHeads,
  folderReadmes,
  packageName,
  projectRoot,
  withoutCode,
} from "../../support/documents.ts";

const all = documents();
const readmes = folderReadmes();
const lineOf = (text: string, at: number) => text.slice(0, at).split("\n").length;

/** Folders whose files documents name in `code`. */
const folders =
  "bench|cli|client|docs|examples|functions|gateway|local|producer|protocol|subscriber|test|\\.ci";

/** Whether a path, or a pattern, names something under `folder` or one of the folders above it. */
function isThere(path: string, folder: string): boolean {
  if (globSync(path, { cwd: join(projectRoot, folder) }).length > 0) return true;
  return folder !== "." && isThere(path, dirname(folder));
}

test("links lead to files and headings that exist", () => {
  const anchors = new Map(all.map(({ file, text }) => [file, anchorsOf(text)]));
  const broken = [...all, ...readmes].flatMap(({ file, text }) =>
    [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$/gm)].flatMap((match) => {
      const target = match[1] ?? match[2] ?? "";
      if (/^[a-z]+:/.test(target)) return [];
      const [path = "", anchor] = target.split("#");
      const to = path === "" ? file : normalize(join(dirname(file), path));
      const known = anchors.get(to);
      const isThere = existsSync(join(projectRoot, to));
      const hasAnchor = anchor === undefined || known === undefined || known.has(anchor);
      return isThere && hasAnchor ? [] : [`${file}:${lineOf(text, match.index)} → ${target}`];
    }),
  );
  expect(broken).toEqual([]);
});

test("paths of the repository that documents name exist", () => {
  const named = new RegExp(`\`((?:${folders})/[\\w./*-]*)\``, "g");
  const wrong = all
    // What a changelog says was true when it was written.
    .filter(({ file }) => file !== "CHANGELOG.md")
    .flatMap(({ file, text }) =>
      [...withoutCode(text).matchAll(named)]
        .filter(([, path = ""]) => globSync(path, { cwd: projectRoot }).length === 0)
        .map((match) => `${file}:${lineOf(text, match.index)} ${match[1] ?? ""}`),
    );
  expect(wrong).toEqual([]);
});

test("files and folders that a folder's README names exist, seen from the folder or the root", () => {
  const wrong = readmes.flatMap(({ file, text }) =>
    [...withoutCode(text).matchAll(/`([\w./*-]+(?:\.(?:ts|lua|md)|\/))`/g)]
      .filter(([, path = ""]) => !path.startsWith(".") && !isThere(path, dirname(file)))
      .map((match) => `${file}:${lineOf(text, match.index)} ${match[1] ?? ""}`),
  );
  expect(wrong).toEqual([]);
});

test("paths of the repository that the heads of files name exist, seen from any folder above", () => {
  const named = new RegExp(`(?<![\\w/@.:-])((?:${folders}|lua)/[\\w./*-]*\\w)`, "g");
  const wrong = fileHeads().flatMap(({ file, text }) =>
    [...text.matchAll(named)]
      .filter(([, path = ""]) => !isThere(path, dirname(file)))
      .map((match) => `${file}:${lineOf(text, match.index)} ${match[1] ?? ""}`),
  );
  expect(wrong).toEqual([]);
});

test("npm scripts that documents name exist", async () => {
  const { default: manifest } = (await import("../../../package.json", {
    with: { type: "json" },
  })) as { readonly default: { readonly scripts: Readonly<Record<string, string>> } };
  const wrong = all.flatMap(({ file, text }) =>
    [...text.matchAll(/npm run ([\w:-]+)/g)]
      .filter(([, name = ""]) => manifest.scripts[name] === undefined)
      .map((match) => `${file}:${lineOf(text, match.index)} npm run ${match[1] ?? ""}`),
  );
  expect(wrong).toEqual([]);
});

test("the package is installed and imported by its scoped name only", () => {
  const bare = /npm (?:install|i|add) [^\n`]*(?<![\w/@.-])signalbox(?![\w/-])|from "signalbox\//g;
  const wrong = all.flatMap(({ file, text }) =>
    [...text.matchAll(bare)].map((match) => `${file}:${lineOf(text, match.index)} ${match[0]}`),
  );
  expect(wrong).toEqual([]);
  const imports = all.flatMap((document) =>
    codeBlocks(document).flatMap(({ code }) =>
      [...code.matchAll(/from "(@[\w-]+\/signalbox)/g)].map(([, name = ""]) => name),
    ),
  );
  expect(new Set(imports)).toEqual(new Set([packageName()]));
});
