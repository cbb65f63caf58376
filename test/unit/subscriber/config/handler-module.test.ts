import { describe, expect, test } from "vitest";
import * as z from "zod";
import { checkModule } from "../../../../subscriber/config/handler-module.ts";

const echo = (payload: unknown) => payload;
const schemas = { payload: z.unknown(), result: z.unknown() };
const withTimeout = (timeoutMs: unknown) => () =>
  checkModule({ handlers: { echo }, catalog: { echo: { ...schemas, timeoutMs } } });

describe("a catalogue", () => {
  test.each([2_592_000_000, Infinity, 0, Number.NaN, -1, 1.5, "30s", "1000", null, 86_400_001, 1n])(
    "whose time-out is %s is refused, with its entry and what is expected",
    (timeoutMs) => {
      expect(withTimeout(timeoutMs)).toThrow(
        /^expected catalog\["echo"\]\.timeoutMs to be a whole number from 1 to 86400000 milliseconds, got /,
      );
    },
  );

  test.each([1, 60_000, 86_400_000, undefined])("may have the time-out %s", (timeoutMs) => {
    expect(withTimeout(timeoutMs)).not.toThrow();
  });

  test.each<[entry: unknown, what: string]>([
    [null, '["echo"] to be an object'],
    [5, '["echo"] to be an object'],
    [{ ...schemas, payload: "text" }, '["echo"].payload to be a schema'],
    [{ ...schemas, result: {} }, '["echo"].result to be a schema'],
  ])("with the entry %j is refused", (entry, what) => {
    expect(() => checkModule({ handlers: { echo }, catalog: { echo: entry } })).toThrow(what);
  });

  test("without a handler for each entry is refused, and so are handlers that are none", () => {
    const error = { code: "config_invalid" };
    const cases = [
      { handlers: {}, catalog: { echo: schemas } },
      { handlers: { echo: 5 } },
      { handlers: { "a b": echo } },
      { handlers: null },
      { handlers: { echo }, catalog: 5 },
    ];
    for (const module of cases) {
      expect(() => checkModule(module, "file.ts: ")).toThrow(
        expect.objectContaining({
          ...error,
          message: expect.stringMatching(/^file\.ts: /) as string,
        }),
      );
    }
  });
});
