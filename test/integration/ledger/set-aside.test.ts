import { describe } from "vitest";
import { decodeResultTexts } from "../../../protocol/wire/messages.ts";
import { ended, jobs, type LedgerBench, taking, test } from "../../support/ledger.ts";

const week = 604_800_000;

/** Ends `count` jobs together: one outbox entry. */
async function entryOf(bench: LedgerBench, count: number, prefix: string): Promise<string> {
  const { ear, epoch } = await bench.connect("1", count);
  await bench.ledger.dispatch(jobs(count, prefix));
  await ear.settled();
  const endings = ear.envelopes().map((each) => ended(each));
  const { entry } = await bench.nodes.finish("default", endings, taking("1"));
  await bench.nodes.leave("default", { node: "1", epoch }, "gone");
  await ear.close();
  if (entry === null) throw new Error("expected an entry");
  return entry;
}

async function waiting(bench: LedgerBench): Promise<readonly (readonly string[])[]> {
  const [answer] = await bench.maintenance.undelivered(["default"], 0, 10);
  return (answer?.value ?? []).map(({ results }) =>
    (decodeResultTexts(results) ?? []).map(({ id }) => id),
  );
}

async function recorded(bench: LedgerBench, ids: readonly string[]) {
  const found = await Promise.all(ids.map((id) => bench.ledger.read("default", id)));
  return ids.filter((_, at) => found[at]?.ended?.recorded === true);
}

const part = (id: string) => ({
  text: JSON.stringify({
    v: 1,
    id,
    name: "echo",
    queue: "default",
    node: "1",
    token: "t",
    attempt: 1,
    state: "succeeded",
  }),
  ids: [id],
});

describe("set-aside", () => {
  test("puts back what is left behind all others; the rest is recorded", async ({
    bench,
    expect,
  }) => {
    const entry = await entryOf(bench, 3, "a");
    bench.clock.advance(1);
    await entryOf(bench, 1, "z");
    const before = await bench.ledger.read("default", "a2");
    bench.clock.advance(1);
    const move = { queue: "default", entry, rest: [part("a2")] };
    const [moved] = await bench.maintenance.setAside([move], week);
    expect(moved).toEqual([`${bench.clock.now()}-0`]);
    expect(await waiting(bench)).toEqual([["z1"], ["a2"]]);
    expect(await recorded(bench, ["a1", "a2", "a3", "z1"])).toEqual(["a1", "a3"]);
    // When it finished does not change with where its result waits.
    expect(await bench.ledger.read("default", "a2")).toEqual(before);

    expect(await bench.maintenance.setAside([move], week)).toEqual([[]]);
    expect(await waiting(bench)).toEqual([["z1"], ["a2"]]);
    expect(await bench.maintenance.ack(new Map([["default", [moved?.[0] ?? ""]]]))).toBe(1);
    expect(await recorded(bench, ["a2"])).toEqual(["a2"]);
  });

  test("makes an entry of each part, also of those that were moved before", async ({
    bench,
    expect,
  }) => {
    const entry = await entryOf(bench, 2, "a");
    const rest = [part("a1"), part("a2")];
    const [moved] = await bench.maintenance.setAside([{ queue: "default", entry, rest }], week);
    expect(moved).toHaveLength(2);
    bench.clock.advance(1);
    const again = { queue: "default", entry: moved?.[0] ?? "", rest: [part("a1")] };
    const [third] = await bench.maintenance.setAside([again], week);
    expect(await waiting(bench)).toEqual([["a2"], ["a1"]]);
    expect(await recorded(bench, ["a1", "a2"])).toEqual([]);
    await bench.maintenance.ack(new Map([["default", [third?.[0] ?? ""]]]));
    expect(await recorded(bench, ["a1", "a2"])).toEqual(["a1"]);
  });

  test("leaves alone a job that was sent again, and one that is deleted", async ({
    bench,
    expect,
  }) => {
    const { ear } = await bench.connect("1", 2);
    await bench.ledger.dispatch(jobs(2, "a"));
    await ear.settled();
    const failed = ear.envelopes().map((each) => ({ ...ended(each), state: "failed" as const }));
    const { entry } = await bench.nodes.finish("default", failed, taking("1"));
    await bench.ledger.delete("default", ["a2"]);
    await bench.ledger.resend("default", ["a1"]);
    await ear.settled();
    const second = ear
      .envelopes()
      .slice(2)
      .map((each) => ended(each));
    await bench.nodes.finish("default", second, taking("1"));
    const before = await bench.state();
    const rest = [part("a1"), part("a2")];
    const move = { queue: "default", entry: entry ?? "", rest };
    expect((await bench.maintenance.setAside([move], week))[0]).toHaveLength(2);
    expect((await bench.state()).results).toEqual(before.results);
    expect(await waiting(bench)).toEqual([["a1"], ["a1"], ["a2"]]);
  });

  test("drops what has waited for too long, however often it was moved", async ({
    bench,
    expect,
  }) => {
    let entry = await entryOf(bench, 1, "a");
    for (let day = 0; day < 7; day++) {
      bench.clock.advance(week / 7);
      const [moved] = await bench.maintenance.setAside(
        [{ queue: "default", entry, rest: [part("a1")] }],
        week,
      );
      entry = moved?.[0] ?? "";
      expect(entry).toMatch(/^\d+-\d+$/);
    }
    bench.clock.advance(1);
    const move = { queue: "default", entry, rest: [part("a1")] };
    expect(await bench.maintenance.setAside([move], week)).toEqual([[null]]);
    expect(await waiting(bench)).toEqual([]);
  });

  test("takes more than one request carries", async ({ bench, expect }) => {
    const moves = [];
    for (const prefix of ["a", "b", "c"]) {
      const entry = await entryOf(bench, 1, prefix);
      const { text, ids } = part(`${prefix}1`);
      moves.push({ queue: "default", entry, rest: [{ text: text + " ".repeat(3_000_000), ids }] });
      bench.clock.advance(1);
    }
    const moved = await bench.maintenance.setAside(moves, week);
    expect(moved.map((each) => each.length)).toEqual([1, 1, 1]);
    expect(await bench.maintenance.setAside([], week)).toEqual([]);
  });
});
