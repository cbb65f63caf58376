/** Answers of another version: too short, too long or of another kind. No ledger hides one behind a default. */
import { describe, expect, test } from "vitest";
import { defaultTiming, type LedgerOptions } from "../../../../protocol/ledger/binding.ts";
import { runDue } from "../../../../protocol/ledger/due.ts";
import { createJobLedger } from "../../../../protocol/ledger/jobs.ts";
import { createMaintenance } from "../../../../protocol/ledger/maintenance.ts";
import { createNodeLedger, type Ending } from "../../../../protocol/ledger/nodes.ts";
import { createScheduleLedger } from "../../../../protocol/ledger/schedules.ts";
import { defaultNaming } from "../../../../protocol/redis/keys.ts";
import type { Reply } from "../../../../protocol/redis/port.ts";
import {
  defaultPlan,
  parseClockwork,
  type ScheduleSpec,
} from "../../../../protocol/schedule/schedule.ts";
import { unchangedStep } from "../../../../protocol/schedule/step.ts";

/** The ledgers on a Redis that gives these replies, whatever it is asked. */
function ledgers(...replies: readonly Reply[]) {
  const options: LedgerOptions = {
    redis: { send: () => Promise.resolve(replies) },
    naming: defaultNaming,
    timing: defaultTiming,
  };
  return {
    jobs: createJobLedger(options),
    nodes: createNodeLedger(options),
    maintenance: createMaintenance(options),
    schedules: createScheduleLedger(options),
  };
}

const job = (id: string, queue = "default") => ({ id, name: "echo", queue });
const ending = (id: string): Ending => ({
  id,
  token: "1-0.1",
  node: "1",
  state: "released",
  text: "",
});
const noSlots = { nodes: [], wasBusy: false };
const spec: ScheduleSpec = {
  id: "s",
  queue: "default",
  plan: { ...defaultPlan, rule: { kind: "every", everyMs: 60_000 } },
  job: { name: "echo" },
};
const record = `A n.1 1 - - - 0 - allow http 1 1 -\n${JSON.stringify(spec.plan)}\necho - -\n\n}\n`;
const step = unchangedStep(parseClockwork("s", record));
const put = { source: "http", nonce: "n", max: 10 } as const;

describe("an answer of another version", () => {
  test.each<[string, () => Promise<unknown>]>([
    ["no reply at all", () => ledgers().jobs.read("default", "a")],
    ["a reply for one of two queues", () => ledgers(["Q -"]).jobs.nodes(["a", "b"])],
    ["no reply for the set of queues", () => ledgers(["Q -"]).jobs.dispatch([job("a", "other")])],
    ["fewer placements than jobs", () => ledgers(["Q -"]).jobs.dispatch([job("a"), job("b")])],
    ["more placements than jobs", () => ledgers(["Q -", "Q -"]).jobs.dispatch([job("a")])],
    ["a phase that is not known", () => ledgers(["Z -"]).jobs.dispatch([job("a")])],
    [
      "unsigned jobs that are said to be missigned",
      () => ledgers([["missigned", "-", "-", "b"]]).jobs.dispatch([job("a")]),
    ],
    [
      "fewer answers than ids to send again",
      () => ledgers(["resent"]).jobs.resend("q", ["a", "b"]),
    ],
    ["fewer answers than ids to delete", () => ledgers([]).jobs.delete("q", ["a"])],
    [
      "fewer counts than nodes",
      () => ledgers(["CHANNEL_DISPATCH_1", 1]).jobs.listeners(["1", "2"]),
    ],
    [
      "a count that is no number",
      () => ledgers(["CHANNEL_DISPATCH_1", null]).jobs.listeners(["1"]),
    ],
    ["a report without its text", () => ledgers([["1-0", ["report"]]]).jobs.reports("q", "a", "-")],
    [
      "fewer verdicts than attempts",
      () => ledgers(["s", [], [], "-"]).nodes.finish("q", [ending("a"), ending("b")], noSlots),
    ],
    ["no reply to a leave", () => ledgers().nodes.leave("q", { node: "1", epoch: "1" }, "gone")],
    [
      "a removal that is not counted",
      () => ledgers("OK").maintenance.ack(new Map([["q", ["1-0"]]])),
    ],
    ["fewer records than schedules", () => ledgers(["1", []]).schedules.read(["q"], "s")],
    ["a record that is no schedule", () => ledgers(["1", ["nonsense"]]).schedules.read(["q"], "s")],
    ["fewer answers than schedules", () => ledgers(["1", []]).schedules.put([spec], put)],
    [
      "fewer verdicts than steps",
      () => ledgers([[], 0, -1]).schedules.applySteps([{ queue: "q", value: [step] }]),
    ],
    [
      "fewer answers than schedules to delete",
      () => ledgers([]).schedules.delete("q", ["s"], "http"),
    ],
    ["a deployed list that is no text", () => ledgers([]).schedules.declared()],
  ])("is refused: %s", async (_, ask) => {
    await expect(ask()).rejects.toMatchObject({ code: "reply_unexpected" });
  });

  test("is refused where due schedules get fewer verdicts than steps", async () => {
    const found = { placed: 0, expired: 0, nextInMs: null, nowMs: 100_000 };
    const schedules = [{ id: "s", text: record }];
    const deps = {
      maintenance: {
        runDue: () => Promise.resolve([{ queue: "q", value: { ...found, schedules } }]),
      },
      schedules: { applySteps: () => Promise.resolve([]) },
    };
    const limits = { dueItems: 1, schedules: 1, runs: 1, evaluations: 10 };
    await expect(runDue(deps, ["q"], limits)).rejects.toMatchObject({ code: "reply_unexpected" });
  });
});

test("answers that are as asked are taken", async () => {
  const dispatched = await ledgers(["Q -", "R 1"]).jobs.dispatch([job("a"), job("b")]);
  expect(dispatched).toMatchObject([
    { id: "a", state: "queued", node: null },
    { id: "b", state: "running", node: "1" },
  ]);
  expect(await ledgers(null).schedules.declared()).toBeNull();
  expect(await ledgers(["1", [null]]).schedules.read(["q"], "s")).toBeNull();
  const counts = await ledgers(["CHANNEL_DISPATCH_1", 2]).jobs.listeners(["1"]);
  expect([...counts]).toEqual([["1", 2]]);
});
