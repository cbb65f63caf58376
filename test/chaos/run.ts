/** One chaos run: starts the stack, injects the planned faults under load, ends them, waits for quiet, and judges. */
import { until } from "../support/until.ts";
import { collectEvidence } from "./collect-evidence.ts";
import { carryOut, tick } from "./faults.ts";
import { createHistory, type History } from "./history.ts";
import { leftToDo } from "./ledger.ts";
import { createLoad } from "./load.ts";
import { createObserver } from "./observer.ts";
import { pause, within } from "./pace.ts";
import { describeFault, makePlan } from "./plan.ts";
import { createRandom } from "./random.ts";
import { putSchedules } from "./schedules.ts";
import { sharedLinks, startStack, stationNodes } from "./stack.ts";
import { judge, type Row } from "./verdict.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly minutes: number;
  /** Requests begun each second; one in 17 is a batch of 3 to 25 jobs. @default 20 */
  readonly perSecond?: number;
  /** Mean time between two faults, in milliseconds. @default 1000 */
  readonly everyMs?: number;
  readonly say: (line: string) => void;
}

export interface Outcome {
  readonly rows: readonly Row[];
  readonly holds: boolean;
  readonly counts: ReadonlyMap<string, number>;
}

const tickEveryMs = 2_000;
const progressEveryMs = 10_000;
/** The tick leaves results to their subscribers for 30 s, and a dead link is detected after 11 s. */
const quietMs = 120_000;
/** If a timer of the harness is this late, the whole machine was. */
const lagMs = 700;

export async function runChaos(options: ChaosOptions): Promise<Outcome> {
  const { seed, minutes, perSecond = 20, everyMs = 1_000, say } = options;
  const random = createRandom(seed);
  const targets = { stations: Object.keys(stationNodes), shared: sharedLinks };
  const plan = makePlan(random.fork("plan"), targets, { totalMs: minutes * 60_000, everyMs });
  say(`seed ${seed}: ${plan.length} faults in ${minutes} minutes`);
  for (const fault of plan) say(`  ${describeFault(fault)}`);

  const history = createHistory(say);
  await using stack = await startStack(history);
  const observer = createObserver(stack.redis.url);
  const load = createLoad(stack, history, random.fork("load"));
  const over = new AbortController();
  const noMoreTicks = new AbortController();
  const ticking = repeat(tickEveryMs, noMoreTicks.signal, () => tick(stack, history));
  const watching = watchMachine(history, over.signal);
  const telling = repeat(progressEveryMs, over.signal, async () => {
    const left = await within(leftToDo(stack.direct), 1_000, { redis: "away" });
    const states = JSON.stringify({ ...left, ...Object.fromEntries(load.statuses) });
    history.line(`${load.asked.length} jobs asked for, ${load.inFlight()} requests, ${states}`);
  });

  try {
    history.line("the stack is up");
    const schedules = await putSchedules(stack, Date.now() + minutes * 60_000);
    const enough = new AbortController();
    const loading = load.run(perSecond, enough.signal);
    await carryOut(plan, { stack, history, observer });
    enough.abort();
    history.line("all faults are over; waiting for quiet");
    await loading;
    await untilQuiet(stack.direct);
    // Nothing may run between collecting and judging.
    noMoreTicks.abort();
    await ticking;
    const unrest = await untilQuiet(stack.direct);
    history.line(unrest.length === 0 ? "quiet" : `not quiet: ${unrest.join(", ")}`);
    const evidence = await collectEvidence({
      stack,
      history,
      observer,
      load,
      unrest,
      random,
      schedules,
    });
    const rows = judge(evidence);
    return { rows, holds: rows.every(({ breaks }) => breaks.length === 0), counts: history.counts };
  } finally {
    noMoreTicks.abort();
    over.abort();
    await Promise.all([ticking, telling, watching]);
    observer.close();
  }
}

async function untilQuiet(direct: Parameters<typeof leftToDo>[0]): Promise<readonly string[]> {
  let left: Readonly<Record<string, number>> = {};
  try {
    await until(
      async () => {
        left = await leftToDo(direct);
        if (Object.values(left).every((count) => count === 0)) return true;
        await pause(100);
        return false;
      },
      { within: quietMs, or: "quiet" },
    );
    return [];
  } catch {
    return Object.entries(left).map(([what, count]) => `${count} ${what}`);
  }
}

async function repeat(ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  for (;;) {
    await pause(ms, signal);
    if (signal.aborted) return;
    await work();
  }
}

/** Records when the machine itself stood still, which ends leases without any fault. */
async function watchMachine(history: History, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const before = performance.now();
    await pause(100, signal);
    if (performance.now() - before < 100 + lagMs) continue;
    history.line(`the machine stood still for ${Math.round(performance.now() - before)} ms`);
    history.begin("machine", "stood still")();
  }
}
