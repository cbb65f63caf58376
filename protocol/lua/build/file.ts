/** One .lua file, read: its head, and its statements with what each of them declares and uses. */
import luaparse, { type Chunk, type Node, type Statement } from "luaparse";
import { type Head, parseHead } from "./head.ts";
import { followNames, type Refuse, type TopStatement } from "./scopes.ts";
import { childrenOf, lineOf, linesOf, rangeOf } from "./tree.ts";

/** A file as it is found. */
export interface Source {
  /** Below `protocol/lua`: `cancel.lua`, `shared/clock.lua`. Those in no folder are scripts, others are modules. */
  readonly path: string;
  readonly text: string;
}

/** A statement with its text as it is sent to Redis. */
export interface LuaStatement extends TopStatement {
  readonly text: string;
  /** Whether it does more than to declare: it must be kept even if nothing uses what it declares. */
  readonly acts: boolean;
}

/** A file that has been parsed. */
export interface LuaFile {
  readonly path: string;
  /** `cancel`, `clock`. */
  readonly name: string;
  readonly isScript: boolean;
  readonly head: Head;
  readonly chunk: Chunk;
  readonly text: string;
}

/** The longest function, and the longest body of a script outside its functions, in lines. */
const maxLines = 60;

const globals = new Set(
  "KEYS ARGV redis cjson string table math tonumber tostring ipairs pairs next unpack pcall".split(
    " ",
  ),
);

/** Parses a file; calls `refuse` for what is wrong with its head, and throws if it is no Lua 5.1. */
export function parseFile({ path, text }: Source, refuse: Refuse): LuaFile {
  const chunk = luaparse.parse(text, {
    luaVersion: "5.1",
    comments: true,
    locations: true,
    ranges: true,
  });
  const name = (path.split("/").at(-1) ?? path).replace(/\.lua$/, "");
  const head = parseHead(text, refuse);
  if (!path.includes("/") || head.early.length === 0)
    return { path, name, isScript: !path.includes("/"), head, chunk, text };
  refuse(1, "@early is for scripts: they alone know what comes first");
  return { path, name, isScript: false, head: { ...head, early: [] }, chunk, text };
}

/** Checks a file against what its head declares, given what the modules that it needs declare. */
export function readStatements(
  file: LuaFile,
  needed: ReadonlyMap<string, readonly string[]>,
  refuse: Refuse,
): readonly LuaStatement[] {
  const { head } = file;
  const imported = new Set([...needed.values()].flat());
  const bound = [...head.keys, ...head.args, ...(head.list === null ? [] : ["first"])];
  const isOutside = (name: string) =>
    globals.has(name) || bound.includes(name) || imported.has(name);
  const { statements, read } = followNames(file.chunk, isOutside, refuse);
  const used = new Set(statements.flatMap(({ uses }) => [...uses]));
  for (const [module, declared] of needed)
    if (!declared.some((name) => used.has(name))) refuse(1, `@needs ${module} and uses none of it`);
  if (file.isScript) {
    for (const { node, declares } of statements)
      for (const name of declares)
        if (!read.has(name)) refuse(lineOf(node), `${name} is never read`);
  } else {
    for (const name of bound)
      if (!used.has(name))
        refuse(1, `${name === "first" ? "@list" : name} is declared and not used`);
  }
  checkLengths(file, statements, refuse);
  const comments = (file.chunk.comments ?? []).map(rangeOf);
  return statements.map((each) => ({
    ...each,
    text: strip(file.text, rangeOf(each.node), comments),
    acts: acts(each.node),
  }));
}

/** Without comments, indentation and empty lines. Strings over several lines would lose theirs; there are none. */
function strip(
  text: string,
  [from, to]: readonly [number, number],
  comments: readonly (readonly [number, number])[],
): string {
  let kept = "";
  let at = from;
  for (const [start, end] of comments) {
    if (start < from || end > to) continue;
    kept += text.slice(at, start);
    at = end;
  }
  const lines = (kept + text.slice(at, to)).split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").join("\n");
}

function checkLengths(file: LuaFile, statements: readonly TopStatement[], refuse: Refuse): void {
  let body = 0;
  for (const { node } of statements) {
    const lines = linesOf(node);
    if (node.type !== "FunctionDeclaration") body += lines;
    else if (lines > maxLines) refuse(lineOf(node), `${lines} lines: cut the function into steps`);
  }
  if (file.isScript && body > maxLines) refuse(1, `a body of ${body} lines: cut it into steps`);
}

function acts(node: Statement): boolean {
  if (node.type === "FunctionDeclaration") return false;
  return node.type !== "LocalStatement" || node.init.some(calls);
}

/** Whether an expression calls something. A function that it makes calls nothing yet. */
function calls(node: Node): boolean {
  if (node.type === "FunctionDeclaration") return false;
  return /Call/.test(node.type) || childrenOf(node).some(calls);
}
