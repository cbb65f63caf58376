/**
 * The project's own lint rules: what no plugin has. `eslint.config.js` says where they apply, and
 * test/unit/lint.test.ts shows what they refuse.
 */
import type { Linter, Rule } from "eslint";
import type { ArrayExpression, ObjectExpression, SpreadElement } from "estree";

const timerModules = ["timers", "node:timers", "timers/promises", "node:timers/promises"];
const waitFor = "Wait for an event, or use until() of test/support/until.ts.";

/**
 * The entry for `no-restricted-imports`: the modules with timers, and the pauses of the chaos runs except where a test
 * is itself a load or a run in real time.
 */
export function restrictedImports({ paced = false }: { readonly paced?: boolean }) {
  const pace = [{ regex: "(^|/)pace(\\.[jt]s)?$", message: waitFor }];
  return [
    "error",
    {
      paths: timerModules.map((name) => ({ name, message: waitFor })),
      patterns: paced ? [] : pace,
    },
  ] satisfies Linter.RuleEntry;
}

/**
 * Tests do not wait for time to pass. The rule names the modules and the globals, not the names that a file
 * gives them, so that neither a renamed nor a namespace import escapes it. `AbortSignal.timeout` stays allowed
 * as the limit of a request: as the value of a property `signal`, and nowhere else. Fake timers of vitest are no wait.
 */
export const noWaiting: Linter.RulesRecord = {
  "no-restricted-imports": restrictedImports({}),
  "no-restricted-globals": [
    "error",
    ...["setTimeout", "setInterval", "scheduler"].map((name) => ({ name, message: waitFor })),
  ],
  "no-restricted-properties": [
    "error",
    ...["globalThis", "global", "window", "self"].flatMap((object) =>
      ["setTimeout", "setInterval", "scheduler"].map((property) => ({
        object,
        property,
        message: waitFor,
      })),
    ),
    { object: "Atomics", property: "wait", message: waitFor },
    { object: "Atomics", property: "waitAsync", message: waitFor },
  ],
};

/** The objects whose members are, or make, timers. */
const globals = "/^(AbortSignal|global|globalThis|self|window)$/";

/** Selectors of `no-restricted-syntax` that belong to `noWaiting`; see `restrictedSyntax`. */
const waitingSyntax = [
  {
    selector: `ImportExpression > Literal[value=/^(node:)?timers(\\u002fpromises)?$/]`,
    message: waitFor,
  },
  {
    selector: `CallExpression[callee.name='require'] > Literal[value=/^(node:)?timers(\\u002fpromises)?$/]`,
    message: waitFor,
  },
  {
    selector: `CallExpression[callee.property.name='getBuiltinModule'] > Literal[value=/^(node:)?timers(\\u002fpromises)?$/]`,
    message: waitFor,
  },
  {
    selector:
      ":not(Property[key.name='signal'] > CallExpression) > " +
      "MemberExpression[object.name='AbortSignal'][property.name='timeout']",
    message: waitFor,
  },
  // A global under another name, or with a name of a member that is not written out, could be any of its timers.
  {
    selector:
      ":matches(VariableDeclarator, AssignmentExpression, AssignmentPattern, Property, ArrayExpression) > " +
      `Identifier[name=${globals}]`,
    message: waitFor,
  },
  { selector: `MemberExpression[computed=true][object.name=${globals}]`, message: waitFor },
  // vitest's own polling; until() says what it waited for in vain.
  { selector: "MemberExpression[property.name=/^(waitFor|waitUntil)$/]", message: waitFor },
  { selector: "MemberExpression[property.value=/^(waitFor|waitUntil)$/]", message: waitFor },
  { selector: "MemberExpression[object.name='expect'][property.name='poll']", message: waitFor },
];

const noCastThroughUnknown = {
  selector: "TSAsExpression > TSAsExpression > TSUnknownKeyword",
  message: "Give the value its type where it enters, or name this file among the borders.",
};

/** What a block lets through. @default false */
interface Allowed {
  readonly waits?: boolean;
  readonly casts?: boolean;
}

/**
 * The entry for `no-restricted-syntax`. ESLint takes the last block's list for a file as a whole, so each block
 * states all that it wants.
 */
export function restrictedSyntax({ waits = false, casts = false }: Allowed): Linter.RuleEntry {
  return ["error", ...(waits ? [] : waitingSyntax), ...(casts ? [] : [noCastThroughUnknown])];
}

type Spread = SpreadElement & Rule.NodeParentExtension;

/** The elements of a literal that is spread, from its first to its last; none in a literal that is empty. */
function elementsOf(literal: ObjectExpression | ArrayExpression) {
  return literal.type === "ObjectExpression" ? literal.properties : literal.elements;
}

/**
 * Refuses a literal that is spread into a literal of its kind, `{ ...{ a, b }, c }`: it means `{ a, b, c }`, and
 * is written only so that the formatter keeps fields on one line.
 */
const noLiteralSpread: Rule.RuleModule = {
  meta: {
    type: "layout",
    fixable: "code",
    schema: [],
    messages: { spread: "Write the fields in the outer literal itself." },
  },
  create(context) {
    const { sourceCode } = context;
    function check(node: Spread): void {
      const { argument: inner } = node;
      if (inner.type !== "ObjectExpression" && inner.type !== "ArrayExpression") return;
      if (inner.type !== node.parent.type) return;
      context.report({
        node,
        messageId: "spread",
        fix(fixer) {
          const elements = elementsOf(inner);
          const [first, last] = [elements[0], elements.at(-1)];
          if (!first?.range || !last?.range || sourceCode.getCommentsInside(node).length > 0)
            return null;
          return fixer.replaceText(node, sourceCode.text.slice(first.range[0], last.range[1]));
        },
      });
    }
    return {
      "ObjectExpression > SpreadElement": check,
      "ArrayExpression > SpreadElement": check,
    };
  },
};

export const project = { rules: { "no-literal-spread": noLiteralSpread } };
