/** The Markdown files of the project, their links, anchors, paths and code blocks. */
import { globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The project's folder. */
export const projectRoot = join(import.meta.dirname, "..", "..");

const sourceFolders = [
  "bench",
  "cli",
  "client",
  "examples",
  "functions",
  "gateway",
  "local",
  "producer",
  "protocol",
  "subscriber",
];

export interface Document {
  /** Relative to the project, such as `docs/jobs.md`. */
  readonly file: string;
  readonly text: string;
}

/** README, CONTRIBUTING, CHANGELOG, SECURITY and everything under docs/. */
export function documents(): readonly Document[] {
  const files = [
    ...readdirSync(projectRoot).filter((name) => name.endsWith(".md")),
    ...readdirSync(join(projectRoot, "docs"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md"))
      .map((name) => join("docs", name)),
  ];
  return files.map((file) => ({ file, text: readFileSync(join(projectRoot, file), "utf8") }));
}

/** The README of each folder of the repository that has one, without those of `documents()`. */
export function folderReadmes(): readonly Document[] {
  const files = globSync(`{${sourceFolders.join(",")},test}/**/README.md`, { cwd: projectRoot });
  return files
    .sort()
    .map((file) => ({ file, text: readFileSync(join(projectRoot, file), "utf8") }));
}

/** The comment at the top of each TypeScript and Lua file. Generated files have none that counts. */
export function fileHeads(): readonly Document[] {
  const files = globSync([`{${sourceFolders.join(",")},docs,test}/**/*.{ts,lua}`, "*.{ts,js}"], {
    cwd: projectRoot,
  });
  return files.sort().map((file) => {
    const text = readFileSync(join(projectRoot, file), "utf8");
    const head = file.endsWith(".lua") ? /^(?:---.*\n)*/ : /^\/\*\*[^]*?\*\//;
    return { file, text: head.exec(text)?.[0] ?? "" };
  });
}

/** The name under which the package is installed and imported. */
export function packageName(): string {
  const text = readFileSync(join(projectRoot, "package.json"), "utf8");
  return (JSON.parse(text) as { readonly name: string }).name;
}

/** One fenced block of code. */
export interface CodeBlock {
  readonly file: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** The first word after the fence, such as `ts`; empty if there is none. */
  readonly language: string;
  /** `name="value"` pairs after it. */
  readonly marks: ReadonlyMap<string, string>;
  readonly code: string;
}

/** The fenced blocks of a document, in their order. */
export function codeBlocks({ file, text }: Document): readonly CodeBlock[] {
  return [...text.matchAll(/^( *)```([^\n]*)\n([^]*?)^\1```$/gm)].map((match) => {
    const [, indent = "", info = "", code = ""] = match;
    const marks = [...info.matchAll(/([\w-]+)="([^"]*)"/g)];
    return {
      file,
      line: text.slice(0, match.index).split("\n").length,
      language: /^\S*/.exec(info)?.[0] ?? "",
      marks: new Map(marks.map(([, name = "", value = ""]) => [name, value])),
      code: code.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    };
  });
}

/** The text without fenced blocks, whose lines are left empty. */
export function withoutCode(text: string): string {
  return text.replaceAll(/^( *)```[^]*?^\1```$/gm, (block) => block.replaceAll(/[^\n]+/g, ""));
}

/** The anchors that GitHub gives a document's headings. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const headings = withoutCode(text).matchAll(/^#{1,6} (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = ""]) => {
      const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1");
      const slug = plain
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replaceAll(/\s/g, "-");
      const count = seen.get(slug) ?? 0;
      seen.set(slug, count + 1);
      return count === 0 ? slug : `${slug}-${count}`;
    }),
  );
}
