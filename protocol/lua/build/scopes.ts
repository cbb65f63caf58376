/** Follows every name of a Lua 5.1 chunk to where it is declared. */
import type { Chunk, Identifier, Node, Statement } from "luaparse";
import { childrenOf, lineOf } from "./tree.ts";

/** One statement of the chunk itself, not of a function in it. */
export interface TopStatement {
  readonly node: Statement;
  /** Locals of the chunk that it declares. */
  readonly declares: readonly string[];
  /** Names that it takes from outside itself: locals of the chunk, and what is declared nowhere in it. */
  readonly uses: ReadonlySet<string>;
}

/** What was found. */
export interface Scopes {
  readonly statements: readonly TopStatement[];
  /** Locals of the chunk that it reads itself. */
  readonly read: ReadonlySet<string>;
}

/** Told of what is wrong. */
export type Refuse = (line: number, why: string) => void;

interface Binding {
  readonly name: string;
  readonly line: number;
  isRead: boolean;
}

/**
 * Walks the chunk. `isOutside` tells names that are declared outside it. Refuses names that are declared nowhere,
 * or only later; that hide another; and locals of functions and blocks that nothing reads, unless they begin with `_`.
 */
export function followNames(
  chunk: Chunk,
  isOutside: (name: string) => boolean,
  refuse: Refuse,
): Scopes {
  const top = new Map<string, Binding>();
  const scopes: Map<string, Binding>[] = [top];
  let uses = new Set<string>();

  const resolve = (name: string): Binding | undefined =>
    scopes.findLast((scope) => scope.has(name))?.get(name);

  const declare = (node: Identifier): void => {
    const { name } = node;
    const isIgnored = name.startsWith("_");
    if (!isIgnored && (resolve(name) !== undefined || isOutside(name)))
      refuse(lineOf(node), `${name} hides another ${name}`);
    scopes.at(-1)?.set(name, { name, line: lineOf(node), isRead: isIgnored });
  };

  const touch = (node: Identifier, isRead: boolean): void => {
    const { name } = node;
    const binding = resolve(name);
    if (binding === undefined && !isOutside(name))
      refuse(
        lineOf(node),
        `${name} is not declared: no local, @keys, @args, @list or @needs gives it`,
      );
    if (binding !== undefined && isRead) binding.isRead = true;
    if (binding === undefined || top.get(name) === binding) uses.add(name);
  };

  const block = (names: readonly Node[], body: readonly Node[]): void => {
    const scope = new Map<string, Binding>();
    scopes.push(scope);
    for (const name of names) if (name.type === "Identifier") declare(name);
    body.forEach(visit);
    scopes.pop();
    for (const { name, line, isRead } of scope.values())
      if (!isRead) refuse(line, `${name} is never read`);
  };

  const visit = (node: Node): void => {
    // eslint-disable-next-line @typescript-eslint/switch-exhaustiveness-check -- no other node declares or names anything
    switch (node.type) {
      case "Identifier":
        touch(node, true);
        return;
      case "LocalStatement":
        node.init.forEach(visit);
        node.variables.forEach(declare);
        return;
      case "AssignmentStatement":
        node.init.forEach(visit);
        for (const target of node.variables) {
          if (target.type === "Identifier") touch(target, false);
          else visit(target);
        }
        return;
      case "FunctionDeclaration":
        if (node.identifier !== null) {
          if (node.isLocal && node.identifier.type === "Identifier") declare(node.identifier);
          else refuse(lineOf(node), "expected a local function");
        }
        block(node.parameters, node.body);
        return;
      default:
        visitBlock(node);
    }
  };

  const visitBlock = (node: Node): void => {
    // eslint-disable-next-line @typescript-eslint/switch-exhaustiveness-check -- no other node opens a scope
    switch (node.type) {
      case "ForNumericStatement":
        [node.start, node.end, ...(node.step === null ? [] : [node.step])].forEach(visit);
        block([node.variable], node.body);
        return;
      case "ForGenericStatement":
        node.iterators.forEach(visit);
        block(node.variables, node.body);
        return;
      case "RepeatStatement":
        block([], [...node.body, node.condition]);
        return;
      case "WhileStatement":
      case "IfClause":
      case "ElseifClause":
        visit(node.condition);
        block([], node.body);
        return;
      case "DoStatement":
      case "ElseClause":
        block([], node.body);
        return;
      default:
        childrenOf(node).forEach(visit);
    }
  };

  const statements = chunk.body.map((node): TopStatement => {
    uses = new Set();
    const before = new Set(top.keys());
    visit(node);
    return { node, declares: [...top.keys()].filter((name) => !before.has(name)), uses };
  });
  const read = [...top.values()].filter(({ isRead }) => isRead).map(({ name }) => name);
  return { statements, read: new Set(read) };
}
