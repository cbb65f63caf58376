import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { importSigningKeys } from "../../../../protocol/signing/keys.ts";
import {
  sign,
  type SignatureHeaders,
  toleranceSeconds,
  verify,
} from "../../../../protocol/signing/webhook.ts";

const secretOf = (fill: number, length = 32) =>
  `whsec_${Buffer.alloc(length, fill).toString("base64")}`;
const secret = secretOf(1);
const nowMs = 1_800_000_000_000;

function check(
  headers: Partial<Record<keyof SignatureHeaders, string>>,
  body: string,
  { secrets = secret, at = nowMs } = {},
): Promise<string | null> {
  return importSigningKeys(secrets).then((keys) =>
    verify(keys, { header: (name) => headers[name], body, nowMs: at }),
  );
}

const signed = async (body: string, { secrets = secret, at = nowMs, id = "msg_1" } = {}) =>
  sign(await importSigningKeys(secrets), { id, body, nowMs: at });

describe("a signature", () => {
  test("is the one that the reference library makes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme" }), fc.uuid(), async (body, id) => {
        const ours = await signed(body, { id });
        expect(ours["webhook-signature"]).toBe(new Webhook(secret).sign(id, new Date(nowMs), body));
      }),
    );
  });

  test("is accepted by the reference library, and the library's is accepted here", async () => {
    const now = Date.now();
    const body = '{"ü":"\u2028"}';
    const ours = await signed(body, { at: now });
    expect(new Webhook(secret).verify(body, { ...ours })).toEqual(JSON.parse(body));
    const theirs = new Webhook(secret).sign("msg_2", new Date(now), body);
    const headers = {
      "webhook-id": "msg_2",
      "webhook-timestamp": String(Math.floor(now / 1000)),
      "webhook-signature": theirs,
    };
    expect(await check(headers, body, { at: now })).toBeNull();
  });

  test.each(["webhook-id", "webhook-timestamp", "webhook-signature"] as const)(
    "is refused without %s, or with an empty one",
    async (name) => {
      const headers: Partial<Record<keyof SignatureHeaders, string>> = { ...(await signed("x")) };
      expect(await check({ ...headers, [name]: "" }, "x")).toMatch(/^expected the headers/);
      expect(
        await check(
          Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name)),
          "x",
        ),
      ).toMatch(/^expected the headers/);
    },
  );

  test("is refused for another body, id, time or secret", async () => {
    const headers = await signed("body");
    const refusal = "expected a v1 signature made with the shared secret";
    expect(await check(headers, "body ")).toBe(refusal);
    expect(await check({ ...headers, "webhook-id": "msg_2" }, "body")).toBe(refusal);
    expect(await check({ ...headers, "webhook-timestamp": "1800000001" }, "body")).toBe(refusal);
    const unnamed = { ...headers, "signalbox-key-id": "" };
    expect(await check(unnamed, "body", { secrets: secretOf(2) })).toBe(refusal);
  });

  test("names its key, and a refusal names the key if it is not known", async () => {
    const headers = await signed("x", { secrets: `next:${secretOf(2)} ${secret}` });
    expect(headers["signalbox-key-id"]).toBe("next");
    expect(await check(headers, "x", { secrets: `${secret} next:${secretOf(2)}` })).toBeNull();
    expect(await check(headers, "x")).toBe("expected a key that is known here, got the id next");
  });

  test("is checked with the key that it names, and with no other", async () => {
    const headers = await signed("x");
    const both = { secrets: `a:${secret} b:${secretOf(2)}` };
    expect(await check({ ...headers, "signalbox-key-id": "a" }, "x", both)).toBeNull();
    expect(await check({ ...headers, "signalbox-key-id": "b" }, "x", both)).toMatch(/v1 signature/);
  });

  test.each(["a b", "\u0000", "x".repeat(33), "ü", '"'])(
    "that names its key %j is refused without repeating that",
    async (id) => {
      const headers = { ...(await signed("x")), "signalbox-key-id": id };
      expect(await check(headers, "x")).toBe("expected the id of a key in signalbox-key-id");
    },
  );

  test.each([
    [-toleranceSeconds, true],
    [toleranceSeconds, true],
    [-toleranceSeconds - 1, false],
    [toleranceSeconds + 1, false],
  ])("%i s old or early: accepted is %s", async (seconds, isAccepted) => {
    const headers = await signed("x", { at: nowMs + seconds * 1_000 });
    expect((await check(headers, "x")) === null).toBe(isAccepted);
  });

  test.each([
    "abc",
    "-5",
    "1.5",
    "1e9",
    " 1800000000",
    "1800000000 ",
    "0x6b49d200",
    "9".repeat(13),
  ])("is refused with the timestamp %j", async (timestamp) => {
    const headers = await signed("x");
    expect(await check({ ...headers, "webhook-timestamp": timestamp }, "x")).toMatch(/seconds/);
  });

  test.each(["v1", "v1,", "v1,%%%", "v2,AAAA", "v1,AAAA", "AAAA", ",", "v1,\u0100", "v1a,AAAA"])(
    "is refused if it reads %j",
    async (signature) => {
      const headers = await signed("x");
      expect(await check({ ...headers, "webhook-signature": signature }, "x")).toMatch(
        /v1 signature/,
      );
    },
  );

  test("may be one of several", async () => {
    const headers = await signed("x");
    const list = `v2,zzz v1,AAAA v1,%%% ${headers["webhook-signature"]}`;
    expect(await check({ ...headers, "webhook-signature": list }, "x")).toBeNull();
    const late = `${"v1,AAAA ".repeat(8)}${headers["webhook-signature"]}`;
    expect(await check({ ...headers, "webhook-signature": late }, "x")).not.toBeNull();
  });

  test("holds through a rotation: the first key signs, all verify", async () => {
    const [older, newer] = [secretOf(1), secretOf(2)];
    const before = await signed("x", { secrets: older });
    const after = await signed("x", { secrets: `${newer} ${older}` });
    expect(await check(before, "x", { secrets: `${newer} ${older}` })).toBeNull();
    expect(await check(after, "x", { secrets: newer })).toBeNull();
    expect(await check(after, "x", { secrets: older })).not.toBeNull();
  });
});

describe("a secret", () => {
  test.each([24, 64])("of %i bytes is taken", async (length) => {
    expect(await importSigningKeys(secretOf(3, length))).toHaveLength(1);
  });

  test.each(["", " ", "whsec_", secretOf(3, 23), secretOf(3, 65), `${secretOf(3)} whsec_!!!!`])(
    "%j is refused, and the message says how to make a good one",
    async (bad) => {
      await expect(importSigningKeys(bad)).rejects.toMatchObject({ code: "config_invalid" });
      await expect(importSigningKeys(bad)).rejects.toThrow(/randomBytes/);
    },
  );

  test("is not in the message that refuses it", async () => {
    const bad = Buffer.from("very secret and without its prefix").toString("base64");
    const error: unknown = await importSigningKeys(bad).catch((reason: unknown) => reason);
    expect(String(error)).not.toContain(bad.slice(0, 8));
  });
});
