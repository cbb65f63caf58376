/** The project's own lint rules: what they refuse, however it is spelt, and what they let through. */
import { Linter } from "eslint";
import tseslint from "typescript-eslint";
import { describe, expect, test } from "vitest";
import { noWaiting, project, restrictedImports, restrictedSyntax } from "../../eslint.rules.ts";

const linter = new Linter();

function config(more: Linter.Config): Linter.Config {
  return {
    files: ["**/*.ts"],
    languageOptions: { parser: tseslint.parser },
    ...more,
  };
}

const waiting = config({
  rules: { ...noWaiting, "no-restricted-syntax": restrictedSyntax({}) },
});

function refusals(source: string, rules = waiting): readonly string[] {
  return linter.verify(source, rules, "a.ts").map(({ ruleId, message }) => ruleId ?? message);
}

describe("a wait for time to pass is refused", () => {
  test.for([
    `setTimeout(() => {}, 5);`,
    `await new Promise((resolve) => setTimeout(resolve, 5));`,
    `const wait = setTimeout; wait(() => {}, 5);`,
    `setInterval(() => {}, 5);`,
    `globalThis.setTimeout(() => {}, 5);`,
    `globalThis["setTimeout"](() => {}, 5);`,
    `const { setTimeout: wait } = globalThis;`,
    `import { setTimeout } from "node:timers/promises";`,
    `import { setTimeout as pause } from "node:timers/promises";`,
    `import * as timers from "timers/promises";`,
    `import timers from "node:timers";`,
    `export { setTimeout as pause } from "node:timers/promises";`,
    `const { setTimeout: pause } = await import("node:timers/promises");`,
    `const timers = require("timers");`,
    `const timers = process.getBuiltinModule("node:timers");`,
    `await scheduler.wait(5);`,
    `Atomics.wait(cells, 0, 0, 5);`,
    `AbortSignal.timeout(5).addEventListener("abort", done);`,
    `const over = AbortSignal.timeout(5);`,
    `await once(AbortSignal.timeout(5), "abort");`,
    `import { once as on } from "node:events"; await on(AbortSignal.timeout(500), "abort");`,
    `import events from "node:events"; await events.once(AbortSignal.timeout(500), "abort");`,
    `const { timeout } = AbortSignal;`,
    `const { timeout } = { ...AbortSignal }, make = AbortSignal["timeout"];`,
    `const Signal = AbortSignal;`,
    `const limit = (ms: number) => AbortSignal.timeout(ms);`,
    `const make = AbortSignal.timeout;`,
    `await fetch(url, { signal: within(AbortSignal.timeout(5)) });`,
    `const g = globalThis; g.setTimeout(() => {}, 5);`,
    `let g; g = globalThis;`,
    `globalThis[name](() => {}, 5);`,
    `await vi.waitFor(() => seen.length > 0);`,
    `await vi.waitUntil(() => seen.length > 0);`,
    `await vi["waitFor"](() => seen.length > 0);`,
    `import { vi as v } from "vitest"; await v.waitFor(() => seen.length > 0);`,
    `await expect.poll(() => seen.length).toBe(1);`,
    `import { pause } from "../chaos/pace.ts";`,
    `import { pause } from "./pace.ts";`,
  ])("%s", (source) => {
    expect(refusals(source)).not.toEqual([]);
  });
});

test("the pauses of the chaos runs are let through where a test is a load or runs in real time", () => {
  const paced = config({ rules: { "no-restricted-imports": restrictedImports({ paced: true }) } });
  expect(refusals(`import { pause } from "../chaos/pace.ts";`, paced)).toEqual([]);
  expect(refusals(`import { setTimeout } from "node:timers";`, paced)).not.toEqual([]);
});

describe("what is no wait is let through", () => {
  test.for([
    `await until(() => seen.length > 0, { or: "an event" });`,
    `await fetch(url, { signal: AbortSignal.timeout(5_000) });`,
    `await new Promise((resolve) => setImmediate(resolve));`,
    `vi.useFakeTimers(); await vi.advanceTimersByTimeAsync(1_000);`,
    `import { once } from "node:events";`,
    `expect(context.signal).toBeInstanceOf(AbortSignal);`,
    `const hold = (signal: AbortSignal) => signal.aborted || AbortSignal.abort();`,
    `vi.spyOn(globalThis, "fetch");`,
    `import { space } from "./workspace.ts";`,
  ])("%s", (source) => {
    expect(refusals(source)).toEqual([]);
  });
});

describe("a cast through unknown", () => {
  test("is refused, and allowed in a file that is named as a border", () => {
    const source = `const port = value as unknown as Port;`;
    expect(refusals(source)).toEqual(["no-restricted-syntax"]);
    const border = config({ rules: { "no-restricted-syntax": restrictedSyntax({ casts: true }) } });
    expect(refusals(source, border)).toEqual([]);
  });
});

describe("a literal spread into a literal", () => {
  const rules = config({ plugins: { project }, rules: { "project/no-literal-spread": "error" } });
  const fixed = (source: string) => linter.verifyAndFix(source, rules, "a.ts").output;

  test("is taken apart", () => {
    expect(fixed(`f({ ...{ a, b: 1 }, c });`)).toBe(`f({ a, b: 1, c });`);
    expect(fixed(`f([...[1, 2], 3]);`)).toBe(`f([1, 2, 3]);`);
  });

  test("is left to people where a comment would be lost", () => {
    const source = `f({ ...{ a /* why */ } });`;
    expect(fixed(source)).toBe(source);
    expect(refusals(source, rules)).toEqual(["project/no-literal-spread"]);
  });

  test("is not what is spread on a condition, nor a list into a call", () => {
    expect(refusals(`f({ ...(a === 1 ? { a } : {}), ...rest }, ...[1]);`, rules)).toEqual([]);
  });
});
