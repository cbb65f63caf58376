import fc from "fast-check";
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import type { JobLog } from "../../../../protocol/wire/catalog.ts";
import { createJobLog, createJobOutput } from "../../../../subscriber/attempt/job-output.ts";
import type { ReportContent } from "../../../../subscriber/attempt/reporter.ts";
import { envelopeOf } from "../fakes.ts";

type Line = Readonly<Record<string, unknown>>;
/** A log that is called as plain JavaScript may call it. */
type Untyped = Record<keyof JobLog, (...args: unknown[]) => void>;

function open() {
  const lines: Line[] = [];
  const shown: unknown[] = [];
  const write = (line: string) => lines.push(JSON.parse(line) as Line);
  const log = createJobLog(
    pino({ base: null, level: "debug" }, { write }),
    { id: "x" },
    (...line) => shown.push(line),
  ) as Untyped;
  return { log, lines, shown };
}

const throwing = (): never => {
  throw new Error("no");
};
const loop: Record<string, unknown> = {};
loop["self"] = loop;

describe("a handler's log", () => {
  test.each<[what: string, args: unknown[], line: Line]>([
    ["fields first", [{ width: 64 }, "resizing"], { width: 64, msg: "resizing" }],
    ["the message first", ["resizing", { width: 64 }], { width: 64, msg: "resizing" }],
    ["a message alone", ["resizing"], { msg: "resizing" }],
    ["fields alone", [{ width: 64 }], { width: 64 }],
    ["a value after the message", ["rows", 12], { msg: "rows 12" }],
    ["a form with values", [{ a: 1 }, "%s of %d", "x", 2], { a: 1, msg: "x of 2" }],
    ["a number", [5], { msg: "5" }],
    ["a sign alone", ["100%"], { msg: "100%" }],
    ["null", [null], { msg: "null" }],
    ["a list", ["ids", [1, 2]], { msg: "ids [ 1, 2 ]" }],
    ["a Map", [new Map([["a", 1]]), "m"], { msg: "Map(1) { 'a' => 1 } m" }],
    ["a BigInt in a field", ["m", { n: 12n }], { n: "12", msg: "m" }],
    ["NaN in a field", ["m", { n: Number.NaN }], { n: "NaN", msg: "m" }],
    ["a field that is absent", ["m", { a: undefined, b: 1 }], { b: 1, msg: "m" }],
    [
      "a field that throws",
      [
        "m",
        {
          get a() {
            return throwing();
          },
          b: 1,
        },
      ],
      { b: 1, msg: "m" },
    ],
    ["a message that is none", [{ a: 1 }, { b: 2 }], { a: 1, b: 2 }],
    ["a symbol", [Symbol("s")], { msg: "Symbol(s)" }],
    ["__proto__", [JSON.parse('{"__proto__":1}'), "m"], { msg: "m" }],
  ])("takes %s", (_, args, line) => {
    const { log, lines, shown } = open();
    log.info(...args);
    expect(lines[0]).toMatchObject({ id: "x", ...line });
    const { msg = "", ...fields } = line;
    expect(shown[0]).toMatchObject(["info", fields, msg]);
  });

  test("takes an error alone, as a field, and before a message", () => {
    const { log, lines, shown } = open();
    const error = new TypeError("fetch failed", { cause: new Error("refused") });
    log.error(error);
    log.warn({ err: error, a: 1 }, "retrying");
    log.info("failed", error);
    log.info("failed", { reason: error });
    const message = "TypeError: fetch failed: refused";
    const stack = expect.stringContaining("caused by: Error: refused") as string;
    expect(lines[0]).toMatchObject({ level: 50, err: { type: "TypeError", message, stack } });
    expect(lines[1]).toMatchObject({ level: 40, msg: "retrying", a: 1, err: { message, stack } });
    expect(lines[2]).toMatchObject({ msg: "failed", err: { message } });
    expect(lines[3]).toMatchObject({ msg: "failed", reason: { message, stack } });
    expect(shown).toEqual([
      ["warn", { err: message }, message],
      ["warn", { err: message, a: 1 }, "retrying"],
      ["info", { err: message }, "failed"],
      ["info", { reason: message }, "failed"],
    ]);
  });

  test("says once that values were shown as text, and which", () => {
    const { log, lines } = open();
    log.info("a", { job: loop });
    log.info("b", { job: new Map() });
    const said = lines.filter(({ reason }) => reason !== undefined);
    expect(said).toMatchObject([
      { level: 40, reason: expect.stringContaining("job.self") as string },
    ]);
    expect(lines[0]).toMatchObject({ job: expect.stringContaining("Circular") as string });
  });

  test("shows watchers nothing of debug", () => {
    const { log, lines, shown } = open();
    log.debug("detail", { a: 1 });
    expect(lines[0]).toMatchObject({ level: 20, msg: "detail", a: 1 });
    expect(shown).toEqual([]);
  });

  test("never throws, whatever it is given, wherever it goes", () => {
    const { log } = open();
    const traps = { get: throwing, ownKeys: throwing, getPrototypeOf: throwing, has: throwing };
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const hostile: unknown[] = [
      new Proxy({}, traps),
      new Proxy(new Error("x"), traps),
      proxy,
      { toJSON: throwing, a: 1 },
      { [Symbol.toPrimitive]: throwing, toString: throwing, a: 1 },
      Object.defineProperty(new Error("x"), "message", { get: throwing }),
      { then: throwing },
      loop,
    ];
    for (const value of hostile) {
      log.info(value);
      log.info("m", value);
      log.warn({ value }, value);
    }
    fc.assert(
      fc.property(fc.array(fc.anything({ withNullPrototype: true, withBigInt: true })), (args) => {
        log.info(...args);
      }),
    );
    const full = createJobLog(pino({}, { write: throwing }), {}, throwing) as Untyped;
    full.error("no space left");
  });
});

test("progress that JSON would change is left out, and that is said once", async () => {
  const lines: Line[] = [];
  const sent: ReportContent[] = [];
  const write = (line: string) => lines.push(JSON.parse(line) as Line);
  const output = createJobOutput(envelopeOf("x"), {
    log: pino({ base: null }, { write }),
    nodeLedger: {
      report: (_queue, _id, report) => {
        sent.push(report);
        return Promise.resolve(true);
      },
    },
    module: { handlers: {}, catalog: undefined },
  });
  const progress = output.progress as (value: unknown) => void;
  const unfit = [throwing, 1n, loop, { toJSON: throwing }, Number.NaN, new Map(), [undefined]];
  progress(0.5);
  for (const value of unfit) progress(value);
  progress(undefined);
  progress("x".repeat(2_000));
  await output.end();
  expect(sent).toMatchObject([{ progress: 0.5 }]);
  expect(lines).toMatchObject([
    {
      id: "x",
      msg: "progress is not published",
      reason: expect.stringContaining("a function") as string,
    },
  ]);
});
