/** Schedules on a ledger with simulated time. */
import { type DueLimits, type RanDue, runDue } from "../../protocol/ledger/due.ts";
import type { PutAnswer } from "../../protocol/ledger/schedules.ts";
import {
  defaultPlan,
  type Plan,
  type Rule,
  type ScheduleSpec,
  type StoredSchedule,
  type Template,
} from "../../protocol/schedule/schedule.ts";
import { decodeBody } from "../../protocol/wire/job.ts";
import type { LedgerBench } from "./ledger.ts";

const limits: DueLimits = { dueItems: 500, schedules: 200, runs: 1_000, evaluations: 1_000 };
/** One minute, in milliseconds. */
export const minute = 60_000;
export const everyMinute: Rule = { kind: "every", everyMs: minute };

/** A schedule in `default`; everything but id and rule has a default. */
export function spec(
  id: string,
  plan: Partial<Plan> & { rule: Rule },
  job: Partial<Template> = {},
): ScheduleSpec {
  const queue = "default";
  return { id, queue, plan: { ...defaultPlan, ...plan }, job: { name: "echo", ...job } };
}

let nonces = 0;
/** Puts schedules as an HTTP client does. */
export async function put(
  bench: LedgerBench,
  ...specs: ScheduleSpec[]
): Promise<readonly PutAnswer[]> {
  const nonce = `n${++nonces}`;
  return bench.schedules.put(specs, { source: "http", nonce, max: 1_000 });
}

/** Runs what is due. */
export async function checkDue(bench: LedgerBench, some: Partial<DueLimits> = {}): Promise<RanDue> {
  const [done] = await runDue(bench, ["default"], { ...limits, ...some });
  if (done === undefined) throw new Error("expected an answer");
  return done.value;
}

/** The schedule as it is stored. */
export async function schedule(bench: LedgerBench, id = "s"): Promise<StoredSchedule> {
  const found = await bench.schedules.read(["default"], id);
  if (found === null) throw new Error(`expected schedule ${id}`);
  return found.schedule;
}

/** The runs of a schedule as `<seconds since the start>` and flags, in the order of their times. */
export async function runs(bench: LedgerBench, id = "s"): Promise<readonly string[]> {
  const start = 1_800_000_000_000;
  const records = await bench.redis.hgetall(bench.keys.jobs);
  return Object.values(records)
    .map((text) => decodeBody(text.slice(text.indexOf("\n") + 1)).schedule)
    .filter((run) => run?.id === id)
    .sort((a, b) => (a?.at ?? 0) - (b?.at ?? 0))
    .map((run) => {
      const flags = [run?.late && "late", run?.backfilled && "backfilled", run?.manual && "manual"];
      return [((run?.at ?? 0) - start) / 1_000, ...flags.filter(Boolean)].join(" ");
    });
}
