import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inexactNumber, inexactNumberText } from "../../../../protocol/wire/json-numbers.ts";

describe("inexactNumber", () => {
  test.each([
    ['{"payload":175928847299117063}', "payload", "175928847299117063", 175928847299117060],
    ["9007199254740993", "", "9007199254740993", 9007199254740992],
    ['[1,{"a":[0,-9007199254740993]}]', "1.a.1", "-9007199254740993", -9007199254740992],
    ['{"a":1e400}', "a", "1e400", Infinity],
    ["[-1E+999]", "0", "-1E+999", -Infinity],
    ["[true,null,false,1e309]", "3", "1e309", Infinity],
    ["123456789012345678.5", "", "123456789012345678.5", 123456789012345680],
    ["9007199254740993.0", "", "9007199254740993.0", 9007199254740992],
    [
      '{"9007199254740993":1,"b":90071992547409930e0}',
      "b",
      "90071992547409930e0",
      90071992547409940,
    ],
    ['{"a":"\\"1e400","b":{"c\\n":1e400}}', "b.c\n", "1e400", Infinity],
  ])("finds the number that would change in %s", (text, path, written, read) => {
    expect(inexactNumber(text)).toEqual({ path, written, read });
  });

  test.each([
    "9007199254740991",
    "9007199254740992",
    "-9007199254740994",
    "100000000000000000000000",
    "1e23",
    "1.7976931348623157e308",
    "5e-324",
    "1e-400",
    "0e999",
    "0.000e-999",
    "-0",
    "3.14159265358979323846",
    "0.1000000000000000055511151231257827",
    "1234567890.12345678901234567890",
    "90071992547409920e-1",
    '"175928847299117063"',
    '{"175928847299117063":"1e400"}',
    '["\\\\",1,"175928847299117063"]',
  ])("lets %s pass", (text) => {
    expect(inexactNumber(text)).toBeNull();
  });

  test("lets every number pass that JavaScript has written", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, space) => {
        expect(inexactNumber(JSON.stringify(value, null, space))).toBeNull();
      }),
    );
  });

  test("agrees with BigInt on whole numbers", () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 40n), 10n ** 40n), (value) => {
        const read = Number(value);
        const isKept = value === BigInt(read) || JSON.stringify(read) === String(value);
        const asWritten = BigInt(read).toString() === String(value);
        expect(inexactNumber(String(value)) === null || !asWritten || !isKept).toBe(true);
        if (Number.isSafeInteger(read)) expect(inexactNumber(String(value))).toBeNull();
        else if (!asWritten && read.toString() !== String(value) && !String(read).includes("e"))
          expect(inexactNumber(String(value))).not.toBeNull();
      }),
    );
  });

  test("takes time by the length of the text, whatever is in it", () => {
    const zeros = "0".repeat(1_000_000);
    for (const text of [`1${zeros}1`, `0.${zeros}1`, `[${"1e1,".repeat(250_000)}1]`, `"${zeros}"`])
      inexactNumber(text);
    expect(inexactNumber(`1${zeros}1`)?.written).toHaveLength(40);
  });

  test("becomes a sentence", () => {
    const found = inexactNumber('{"id":175928847299117063}');
    if (found === null) throw new Error("expected a number");
    expect(inexactNumberText(found)).toBe(
      "id: expected a number that JavaScript can hold, got 175928847299117063, " +
        "which it reads as 175928847299117060; send it as a string",
    );
  });
});
