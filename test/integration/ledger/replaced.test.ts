/** A dispatch that is repeated is known again, though another job has replaced what the first one stored. */
import { describe } from "vitest";
import { createJobLedger } from "../../../protocol/ledger/jobs.ts";
import { createJobSigner } from "../../../protocol/signing/job.ts";
import { importSigningKeys } from "../../../protocol/signing/keys.ts";
import { ended, job, taking, test, timing } from "../../support/ledger.ts";

const modes = ["replace", "debounce"] as const;

describe("a job whose content another has replaced", () => {
  test.for(modes)(
    "is known when it is sent again, and changes nothing: %s",
    async (mode, { bench, expect }) => {
      const dedupe = { key: "k", windowMs: 60_000, mode };
      const a = job("a", { dedupe, payload: { x: 1, y: [2, { z: 3, w: 4 }] }, attempts: 5 });
      await bench.ledger.dispatch([a]);
      await bench.ledger.dispatch([job("b", { dedupe, payload: "b" })]);
      const before = await bench.ledger.read("default", "a");
      const again = { ...a, payload: { y: [2, { w: 4, z: 3 }], x: 1 } };
      for (const each of [a, again]) {
        const [answer] = await bench.ledger.dispatch([each]);
        expect(answer).toMatchObject({ kind: "accepted", id: "a", duplicate: true });
      }
      expect(await bench.ledger.read("default", "a")).toEqual(before);
      expect(before?.body).toContain('"payload":"b"');
    },
  );

  test("is a conflict with any other content", async ({ bench, expect }) => {
    const dedupe = { key: "k", windowMs: 60_000, mode: "replace" } as const;
    await bench.ledger.dispatch([job("a", { dedupe, payload: 1 })]);
    await bench.ledger.dispatch([job("b", { dedupe, payload: 2 })]);
    const others = [
      job("a", { dedupe, payload: 3 }),
      job("a", { dedupe, payload: 1, attempts: 9 }),
      job("a", { dedupe, payload: 1, node: "1" }),
      { ...job("a", { dedupe, payload: 1 }), name: "other" },
    ];
    for (const other of others) {
      const [answer] = await bench.ledger.dispatch([other]);
      expect(answer).toEqual({ kind: "conflict", id: "a", queue: "default" });
    }
  });

  test("keeps its own content through a chain", async ({ bench, expect }) => {
    const dedupe = { key: "k", windowMs: 60_000, mode: "replace" } as const;
    for (const id of ["a", "b", "c"]) {
      await bench.ledger.dispatch([job(id, { dedupe, payload: id })]);
    }
    const answers = [];
    for (const id of ["a", "b", "c", "a"]) {
      answers.push(...(await bench.ledger.dispatch([job(id, { dedupe, payload: id })])));
    }
    expect(answers.map((answer) => [answer.kind, answer.id])).toEqual(
      Array.from({ length: 4 }, () => ["accepted", "a"]),
    );
    expect((await bench.ledger.read("default", "a"))?.body).toContain('"payload":"c"');
  });

  test("is known after it was started, has ended, was sent again, and its key is gone", async ({
    bench,
    expect,
  }) => {
    const dedupe = { key: "k", windowMs: 60_000, mode: "replace" } as const;
    const a = job("a", { dedupe, payload: "a" });
    const repeat = async () => (await bench.ledger.dispatch([a]))[0];
    await bench.ledger.dispatch([a]);
    await bench.ledger.dispatch([job("b", { dedupe, payload: "b" })]);
    await bench.redis.del(`${bench.keys.dedupeBase}k`);
    expect(await repeat()).toMatchObject({ kind: "accepted", duplicate: true, state: "queued" });
    const { ear } = await bench.connect("1", 1);
    await ear.settled();
    expect(await repeat()).toMatchObject({ kind: "accepted", duplicate: true, state: "running" });
    const endings = ear.envelopes().map((each) => ended(each, "failed"));
    await bench.nodes.finish("default", endings, taking("1"));
    expect(await repeat()).toMatchObject({ kind: "accepted", duplicate: true, state: "failed" });
    await bench.ledger.resend("default", ["a"]);
    expect(await repeat()).toMatchObject({ kind: "accepted", duplicate: true, state: "running" });
    expect(ear.envelopes().map(({ payload }) => payload)).toEqual(["b", "b"]);
  });

  test.for(modes)(
    "is known with the batch that replaced it: %s",
    async (mode, { bench, expect }) => {
      const dedupe = { key: "k", windowMs: 60_000, mode };
      const batch = ["a", "b", "c"].map((id) =>
        job(id, { dedupe, payload: id, start: { inMs: 10 } }),
      );
      await bench.ledger.dispatch(batch);
      for (const some of [batch, batch.slice(0, 1), [...batch, ...batch]]) {
        const answers = await bench.ledger.dispatch(some);
        for (const answer of answers)
          expect(answer).toMatchObject({ kind: "accepted", id: "a", duplicate: true });
      }
      expect(Object.keys((await bench.state()).jobs)).toEqual(["a"]);
    },
  );

  test("is known if it had no payload, and a foreign node is sent its bare id", async ({
    bench,
    expect,
  }) => {
    const dedupe = { key: "k", windowMs: 60_000, mode: "replace" } as const;
    await bench.ledger.dispatch([job("a", { dedupe, node: "7" })]);
    await bench.ledger.dispatch([job("b", { dedupe, node: "7", payload: 1 })]);
    await bench.ledger.dispatch([job("c", { dedupe, node: "7" })]);
    const [answer] = await bench.ledger.dispatch([job("a", { dedupe, node: "7" })]);
    expect(answer).toMatchObject({ kind: "accepted", duplicate: true });
    const ear = await bench.listen("7");
    await bench.maintenance.retryParked(["default"], 10);
    await ear.settled();
    expect(ear.heard).toHaveLength(1);
  });

  test("is known if it is signed, by any key", async ({ bench, expect }) => {
    const dedupe = { key: "k", windowMs: 60_000, mode: "replace" } as const;
    const ledgerOf = async (secret: string) => {
      const keys = await importSigningKeys(secret);
      const signer = createJobSigner(keys);
      const { port, naming, clock } = bench;
      return createJobLedger({ redis: port, naming, timing, simulatedNow: clock.now, signer });
    };
    const first = await ledgerOf(`k1:whsec_${btoa("a".repeat(32))}`);
    const rotated = await ledgerOf(`k2:whsec_${btoa("b".repeat(32))}`);
    await first.dispatch([job("a", { dedupe, payload: 1 })]);
    await first.dispatch([job("b", { dedupe, payload: 2 })]);
    for (const ledger of [first, rotated]) {
      const [answer] = await ledger.dispatch([job("a", { dedupe, payload: 1 })]);
      expect(answer).toMatchObject({ kind: "accepted", id: "a", duplicate: true });
    }
  });
});
