/**
 * One run of the cron entry point: does whatever is due. Each part takes a round trip or a few, is bounded, and leaves the
 * rest for the next minute; each may run twice. A part that fails does not stop the others.
 */
import { runDue } from "../protocol/ledger/due.ts";
import type { JobLedger } from "../protocol/ledger/jobs.ts";
import type { Maintenance, Retention } from "../protocol/ledger/maintenance.ts";
import type { ScheduleLedger } from "../protocol/ledger/schedules.ts";
import { createCronClock } from "../protocol/schedule/cron.ts";
import { decodeResultTexts } from "../protocol/wire/messages.ts";
import type { Log, OnResult } from "./deps.ts";
import { problemOf } from "./http/problem.ts";
import { deliverResults, type Delivery, type HookFailure } from "./results/deliver.ts";
import { callbackLimits } from "./results/run-hook.ts";
import { type DeclaredSchedule, syncDeclared } from "./schedules/declare.ts";

/** What a tick is given. */
export interface TickDeps {
  readonly ledger: Pick<JobLedger, "queues">;
  readonly maintenance: Maintenance;
  readonly schedules: ScheduleLedger;
  /** The list that is deployed with the function. */
  readonly declared: readonly DeclaredSchedule[];
  readonly config: { readonly retention: Retention; readonly maxSchedules: number };
  readonly newId: () => string;
  readonly log: Log;
  readonly onResult?: OnResult;
}

interface Tick extends TickDeps {
  readonly queues: readonly string[];
  readonly scheduledMs: number;
}

type Counts = Readonly<Record<string, number>>;

/** How long results are left to the subscriber that made them, in milliseconds. */
const outboxGraceMs = 30_000;
/** Rounds of one part: with all parts, and each request repeated, a tick stays below 50 requests. */
const maxRounds = 3;
/** This many with nothing due take 1.5 of a tick's 10 ms of CPU in workerd. */
const maxQueues = 25;
const leasesPerCall = 500;
const dueItemsPerCall = 500;
/**
 * How much of the schedules one tick does. A free Worker has 10 ms of CPU, and its clock stands still while it computes, so
 * schedules are counted, not timed. In workerd a tick takes 4.6 ms with nothing due, 7 with 100 schedules, 8 with 20
 * evaluations among them (medians of `npm run bench -- tick`).
 */
const schedulesPerTick = 100;
const runsPerTick = 300;
const evaluationsPerTick = 20;
const parkedPerCall = 100;
/** How long one tick calls the `onResult` hook, in milliseconds: other parts have their own time, the next tick its own. */
const hookMs = 20_000;
/** Divided among the queues: each may answer with a megabyte, and a Worker holds 128 of them. */
const outboxEntriesPerCall = 2_000;
const outboxEntriesPerQueue = 100;

const parts: Readonly<Record<string, (tick: Tick) => Promise<Counts>>> = {
  declared: syncList,
  leases: recoverLeases,
  due: handleDue,
  parked: retryParked,
  outbox: deliverOutbox,
  pruned: prune,
};

/**
 * Does what is due in the minute of `scheduledMs` (milliseconds since 1970) and logs one line.
 * @throws AggregateError of what failed in any part, once all were tried
 */
export async function tick(deps: TickDeps, scheduledMs: number): Promise<void> {
  const errors: { readonly part: string; readonly error: unknown }[] = [];
  const queues = await deps.ledger.queues().catch((error: unknown) => {
    errors.push({ part: "queues", error });
    return [];
  });
  const share = shareOf(queues, scheduledMs);
  // Run every part concurrently so their first Redis calls share one HTTP request: requests were most of an idle tick's CPU.
  const done = await Promise.all(
    Object.entries(share.length === 0 ? {} : parts).map(async ([part, run]) => {
      try {
        return { [part]: await run({ ...deps, queues: share, scheduledMs }) };
      } catch (error) {
        errors.push({ part, error });
        return {};
      }
    }),
  );
  deps.log({
    level: errors.length > 0 ? "error" : "info",
    event: "tick",
    scheduledAt: new Date(scheduledMs).toISOString(),
    queues: share.length,
    ...(Object.assign({}, ...done) as Readonly<Record<string, Counts>>),
    ...(errors.length === 0 ? {} : { errors }),
  });
  if (errors.length > 0) {
    throw new AggregateError(
      errors.map(({ error }) => error),
      `tick failed in: ${errors.map(({ part, error }) => `${part} (${problemOf(error).code})`).join(", ")}`,
    );
  }
}

/** All queues; where there are too many for one tick, the next ones each minute. */
export function shareOf(queues: readonly string[], scheduledMs: number): readonly string[] {
  if (queues.length <= maxQueues) return queues;
  const sorted = [...queues].sort();
  const first = (Math.floor(scheduledMs / 60_000) * maxQueues) % sorted.length;
  return [...sorted.slice(first), ...sorted.slice(0, first)].slice(0, maxQueues);
}

/** Puts the deployed list in force, if it has changed. */
async function syncList({ schedules, declared, config, newId, log }: Tick): Promise<Counts> {
  const done = await syncDeclared(schedules, declared, {
    nonce: newId(),
    max: config.maxSchedules,
  });
  for (const { id, queue, reason } of done.refused) {
    log({ level: "error", event: "schedule.refused", id, queue, reason });
  }
  const { put, dropped, refused } = done;
  return { put, dropped, refused: refused.length };
}

/** Gives out again what nodes no longer renew. */
async function recoverLeases({ maintenance, queues }: Tick): Promise<Counts> {
  let again = 0;
  let ended = 0;
  let due = queues;
  for (let round = 0; round < maxRounds && due.length > 0; round++) {
    const answers = await maintenance.recover(due, leasesPerCall);
    for (const { value } of answers) {
      again += value.again;
      ended += value.ended;
    }
    due = answers.filter(({ value }) => value.nextInMs === 0).map(({ queue }) => queue);
  }
  return { again, ended };
}

/** Delayed jobs, retries, deadlines and schedules that no subscriber was there to handle on time. */
async function handleDue({ maintenance, schedules, queues, log }: Tick): Promise<Counts> {
  let [placed, expired, made, left] = [0, 0, 0, 0];
  let due = queues;
  let schedulesLeft = schedulesPerTick;
  const cron = createCronClock();
  for (let round = 0; round < maxRounds && due.length > 0; round++) {
    const limits = {
      dueItems: dueItemsPerCall,
      schedules: Math.ceil(schedulesLeft / due.length),
      runs: runsPerTick - made,
      evaluations: evaluationsPerTick - cron.spent(),
    };
    const answers = await runDue({ maintenance, schedules, cron }, due, limits);
    for (const { queue, value } of answers) {
      placed += value.placed;
      expired += value.expired;
      made += value.made;
      schedulesLeft -= value.planned;
      for (const { id, error } of value.faulty) {
        log({ level: "error", event: "schedule.faulty", id, queue, reason: error });
      }
    }
    due = answers.filter(({ value }) => value.nextInMs === 0).map(({ queue }) => queue);
    left = due.length;
    const isSpent = cron.spent() >= evaluationsPerTick || made >= runsPerTick;
    if (schedulesLeft <= 0 || isSpent) break;
  }
  return { placed, expired, made, left };
}

/** Tries again to place jobs that no node could take. */
async function retryParked({ maintenance, queues }: Tick): Promise<Counts> {
  const answers = await maintenance.retryParked(queues, parkedPerCall);
  return { waiting: answers.reduce((sum, { value }) => sum + value, 0) };
}

/**
 * Records results that no subscriber has delivered, so that they are recorded even if that subscriber is gone. What the
 * hook refuses goes behind all others, so that the next tick begins with what has not been tried; where it refuses all,
 * it is left in peace until then.
 * @throws AggregateError of what the hook threw, once the others are recorded
 */
async function deliverOutbox({ maintenance, queues, onResult, config }: Tick): Promise<Counts> {
  const { outboxMs } = config.retention;
  const recorder = { maintenance, outboxMs, ...(onResult === undefined ? {} : { onResult }) };
  const failures: HookFailure[] = [];
  const startedAt = performance.now();
  let recorded = 0;
  let due = queues;
  for (let round = 0; round < maxRounds && due.length > 0; round++) {
    const startWithinMs = hookMs - (performance.now() - startedAt);
    if (startWithinMs <= 0) break;
    const fairShare = Math.ceil(outboxEntriesPerCall / due.length);
    const limit = Math.min(fairShare, outboxEntriesPerQueue);
    const answers = await maintenance.undelivered(due, outboxGraceMs, limit);
    const deliveries = answers.flatMap(({ queue, value }) =>
      value.map(({ entry, results }): Delivery => {
        // An entry that cannot be read now cannot be read later; the job's own record still has the result.
        return { queue, entry, results: decodeResultTexts(results) ?? [] };
      }),
    );
    if (deliveries.length === 0) break;
    const report = await deliverResults(recorder, deliveries, {
      limits: {
        ...callbackLimits,
        startWithinMs,
        endWithinMs: startWithinMs + callbackLimits.endWithinMs,
      },
      movesAll: true,
    });
    recorded += report.recorded;
    failures.push(...report.failures);
    if (report.left.length > 0 || (report.recorded === 0 && report.failures.length > 0)) break;
    due = answers.filter(({ value }) => value.length > 0).map(({ queue }) => queue);
  }
  if (failures.length > 0) throw hookError(failures, recorded);
  return { recorded };
}

function hookError(failures: readonly HookFailure[], recorded: number): AggregateError {
  const [first] = failures;
  const count = failures.reduce((sum, each) => sum + each.count, 0);
  return new AggregateError(
    failures.map(({ error }) => error),
    `${first?.reason ?? "onResult threw"} (job ${first?.jobs[0] ?? "?"}; ${count} results refused and set aside, ${recorded} entries recorded)`,
  );
}

/** Forgets finished jobs beyond their retention. */
async function prune({ maintenance, queues, config }: Tick): Promise<Counts> {
  let forgotten = 0;
  let due = queues;
  for (let round = 0; round < maxRounds && due.length > 0; round++) {
    const answers = await maintenance.prune(due, config.retention);
    for (const { value } of answers) forgotten += value.forgotten;
    due = answers.filter(({ value }) => value.more).map(({ queue }) => queue);
  }
  return { forgotten };
}
