/** What luaparse's types leave out: where a node stands, and which nodes stand in it. */
import type { Node } from "luaparse";

/** The line that a node begins on. */
export function lineOf(node: Node): number {
  return node.loc?.start.line ?? 0;
}

/** How many lines a node takes. */
export function linesOf(node: Node): number {
  return node.loc === undefined ? 0 : node.loc.end.line - node.loc.start.line + 1;
}

/** Where a node begins and ends in the text. */
export function rangeOf(node: Node): readonly [number, number] {
  const range: unknown = "range" in node ? node.range : undefined;
  if (!Array.isArray(range)) throw new TypeError("expected a node with a range");
  const [from, to] = range as readonly unknown[];
  if (typeof from !== "number" || typeof to !== "number") throw new TypeError("expected numbers");
  return [from, to];
}

/** The nodes directly in a node, without names that are no variables: `.name` and `{ name = … }`. */
export function childrenOf(node: Node): readonly Node[] {
  const word = node.type === "MemberExpression" ? "identifier" : "key";
  const isNamed = node.type === "MemberExpression" || node.type === "TableKeyString";
  return Object.entries(node)
    .filter(([key]) => !(isNamed && key === word))
    .flatMap(([, value]: [string, unknown]) => value)
    .filter(isNode);
}

function isNode(value: unknown): value is Node {
  return (
    typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"
  );
}
