import { expect, expectTypeOf, test } from "vitest";
import { omitUndefined } from "../../../../protocol/wire/omit-undefined.ts";

test("leaves out what is undefined, and keeps null, false, 0 and the empty string", () => {
  const node = undefined as string | undefined;
  const kept = omitUndefined({ id: "a", node, zero: 0, no: false, nothing: null, empty: "" });
  expect(Object.keys(kept)).toEqual(["id", "zero", "no", "nothing", "empty"]);
  expectTypeOf(kept.id).toEqualTypeOf<string>();
  expectTypeOf(kept).toExtend<{ readonly node?: string }>();
});
