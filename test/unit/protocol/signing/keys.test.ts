import { describe, test } from "vitest";
import { importSigningKeys } from "../../../../protocol/signing/keys.ts";

const secretOf = (fill: number) => `whsec_${Buffer.alloc(32, fill).toString("base64")}`;
const idsOf = async (secrets: string) => (await importSigningKeys(secrets)).map(({ id }) => id);

describe("the id of a key", () => {
  test("is given with the secret, or derived from it", async ({ expect }) => {
    expect(await idsOf(`2026-11:${secretOf(1)} ${secretOf(2)}`)).toEqual([
      "2026-11",
      expect.stringMatching(/^[0-9a-f]{8}$/),
    ]);
    expect(await idsOf(secretOf(2))).toEqual(await idsOf(secretOf(2)));
    expect(await idsOf(secretOf(2))).not.toEqual(await idsOf(secretOf(3)));
  });

  test.for(["", "a b", "a/b", "x".repeat(33), "a:b"])("may not be %j", async (id, { expect }) => {
    await expect(importSigningKeys(`${id}:${secretOf(1)}`)).rejects.toThrow(
      /^SIGNALBOX_SIGNING_SECRET: expected whsec_/,
    );
  });

  test("may stand for one secret only", async ({ expect }) => {
    expect(await idsOf(`a:${secretOf(1)} a:${secretOf(1)}`)).toEqual(["a", "a"]);
    const two = `a:${secretOf(1)} a:${secretOf(2)}`;
    await expect(importSigningKeys(two)).rejects.toMatchObject({
      code: "config_invalid",
      message: "SIGNALBOX_SIGNING_SECRET: expected another id for each secret; two have the id a",
    });
  });
});

test("an error about a secret names the setting that holds it", async ({ expect }) => {
  await expect(importSigningKeys("whsec_shown", "SIGNALBOX_ENVELOPE_SECRET")).rejects.toThrow(
    /^SIGNALBOX_ENVELOPE_SECRET: expected whsec_(?!.*shown)/,
  );
});
