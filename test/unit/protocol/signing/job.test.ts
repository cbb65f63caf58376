import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createJobSigner,
  createJobVerifier,
  type SignedContent,
} from "../../../../protocol/signing/job.ts";
import { importSigningKeys } from "../../../../protocol/signing/keys.ts";
import type { JobBody, RunOf } from "../../../../protocol/wire/job.ts";
import type { Json } from "../../../../protocol/wire/json.ts";
import type { Envelope } from "../../../../protocol/wire/messages.ts";

const bytes = Buffer.alloc(32, 1);
const secret = `k1:whsec_${bytes.toString("base64")}`;
const other = `k2:whsec_${Buffer.alloc(32, 2).toString("base64")}`;
const content = {
  subject: { job: "a" },
  queue: "default",
  name: "echo",
  node: null,
  body: { attempts: 5, timeoutMs: 1_000, payload: { b: [1, null], a: "ü" } },
} as const satisfies SignedContent;

interface Change {
  readonly signed?: Partial<SignedContent>;
  readonly sent?: Partial<Envelope>;
  readonly signedWith?: string;
  readonly accepted?: string;
}

/** What the verifier says about a job that was signed and then changed. */
async function verdict({ signed, sent, signedWith = secret, accepted = secret }: Change) {
  const what: SignedContent = { ...content, ...signed };
  const signature = await createJobSigner(await importSigningKeys(signedWith)).sign(what);
  const { queue, name } = what;
  const envelope: Envelope = {
    v: 1,
    queue,
    name,
    node: "1",
    token: "1-0.1",
    attempt: 1,
    id: "a",
    ...(what.body satisfies JobBody),
    signature,
    ...sent,
  };
  return createJobVerifier(await importSigningKeys(accepted))(envelope);
}

const misplaced = "expected the content and the place that key k1 signed";

describe("a signed job", () => {
  test("is signed as docs/protocol.md says", async () => {
    const { mac, key } = await createJobSigner(await importSigningKeys(secret)).sign({
      ...content,
      node: "7",
    });
    const text =
      'signalbox-job-1 {"attempts":5,"job":"a","name":"echo","node":"7",' +
      '"payload":{"a":"ü","b":[1,null]},"queue":"default","timeoutMs":1000}';
    expect(mac).toBe(createHmac("sha256", bytes).update(text).digest("base64"));
    expect(key).toBe("k1");
  });

  test("may run at any attempt, delivery and node", async () => {
    expect(await verdict({})).toBeNull();
    expect(await verdict({ sent: { attempt: 3, token: "1-0.7", node: "2" } })).toBeNull();
  });

  test("may run with any payload that has been JSON", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const payload = JSON.parse(JSON.stringify(value)) as Json;
        expect(await verdict({ signed: { body: { payload } } })).toBeNull();
      }),
      { numRuns: 200 },
    );
  });

  test.each([
    { id: "b" },
    { queue: "other" },
    { name: "echo2" },
    { payload: { b: [1, null], a: "u" } },
    { payload: null },
    { attempts: 6 },
    { timeoutMs: 1_001 },
    { backoff: { kind: "fixed", delayMs: 1 } },
  ] satisfies Partial<Envelope>[])("may not run as %j", async (sent) => {
    expect(await verdict({ sent })).toBe(misplaced);
  });

  test("for one node may run on that node only", async () => {
    const signed = { node: "1" };
    expect(await verdict({ signed })).toBeNull();
    const elsewhere = "expected a job that was meant for this node";
    expect(await verdict({ signed, sent: { node: "2" } })).toBe(elsewhere);
    const { key, mac } = await createJobSigner(await importSigningKeys(secret)).sign({
      ...content,
      ...signed,
    });
    expect(await verdict({ sent: { signature: { key, mac } } })).toBe(misplaced);
    expect(await verdict({ sent: { signature: { key, mac, node: "1" } } })).toBeNull();
  });

  test.each([
    undefined,
    null,
    "k1",
    {},
    { key: "k1" },
    { key: 1, mac: "AAAA" },
    { key: "k 1", mac: "AAAA" },
    { key: "k1", mac: "AAAA", node: 1 },
  ])("has no signature in %j", async (signature) => {
    expect(await verdict({ sent: { signature } })).toBe("expected a signed job");
  });

  test.each(["", "AAAA", "%%%", "\u0100"])("has no good signature in %j", async (mac) => {
    expect(await verdict({ sent: { signature: { key: "k1", mac } } })).toBe(misplaced);
  });

  test.each<[string, Json, string]>([
    ["infinite", null, "1e999"],
    ["a negative zero", 0, "-0"],
  ])(
    "does not become %s, which canonical JSON writes like what was signed",
    async (_, payload, text) => {
      const body = { ...content.body, payload };
      expect(await verdict({ signed: { body } })).toBeNull();
      const sent = { payload: JSON.parse(text) as Json };
      expect(await verdict({ signed: { body }, sent })).toMatch(/^expected the content/);
    },
  );

  test("that is nested without bound is refused like any other", async () => {
    let payload: Json = 1;
    for (let level = 0; level < 100_000; level++) payload = [payload];
    expect(await verdict({ sent: { payload } })).toBe(misplaced);
  });

  test("is accepted by a verifier that has its key, first or not; others name the missing key", async () => {
    expect(await verdict({ accepted: `${other} ${secret}` })).toBeNull();
    expect(await verdict({ signedWith: `${other} ${secret}`, accepted: other })).toBeNull();
    expect(await verdict({ signedWith: other })).toBe(
      "expected a job signed with a key that is known here, got the id k2",
    );
    const forged = `k1:${other.slice(3)}`;
    expect(await verdict({ signedWith: forged })).toBe(misplaced);
  });
});

describe("a run of a signed schedule", () => {
  const run = (id: string, schedule: unknown = { id: "s", at: 5 }): Change => ({
    signed: { subject: { schedule: "s" } },
    sent: { id, schedule: schedule as RunOf },
  });

  test("may run at any time, under any id of its schedule", async () => {
    for (const id of ["s@5", "s@5+", "s@nonce"]) expect(await verdict(run(id))).toBeNull();
    expect(await verdict(run("s@6", { id: "s", at: 6, late: true }))).toBeNull();
  });

  test.each([
    ["t@5", undefined],
    ["s", undefined],
    ["s@5", { id: "", at: 5 }],
    ["s@5", { id: 5 }],
    ["s@5", null],
    ["s@5@6", { id: "s@5", at: 6 }],
  ] as const)("may not have the id %s and the schedule %j", async (id, schedule) => {
    expect(await verdict(run(id, schedule))).toBe(
      "expected a run whose id is that of its schedule",
    );
  });

  test("is no job, a job is no run, and a run belongs to its own schedule only", async () => {
    expect(await verdict({ signed: { subject: { schedule: "a" } } })).toBe(misplaced);
    const asRun = { id: "a@5", schedule: { id: "a", at: 5 } };
    expect(await verdict({ sent: asRun })).toBe(misplaced);
    expect(await verdict(run("t@5", { id: "t", at: 5 }))).toBe(misplaced);
  });
});
