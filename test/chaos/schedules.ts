/** Schedules during a chaos run: puts them over HTTP and judges each of their times. */
import type { Evidence } from "./evidence.ts";
import type { QueueLedger } from "./ledger.ts";
import { pause } from "./pace.ts";
import type { Stack } from "./stack.ts";

/** Every time has to run, after any outage: each has exactly one run. */
const always = { missed: "all", maxMissed: 1_000, name: "echo", attempts: 50 } as const;
const endAt = (ms: number) => new Date(ms).toISOString();

const rules = (startMs: number, endMs: number) => ({
  "chaos-second": { cron: "* * * * * *", timeZone: "Asia/Kolkata", endAt: endAt(endMs) },
  "chaos-grid": { everyMs: 1_700, startAt: endAt(startMs), endAt: endAt(endMs) },
});

/** The schedules that were put. */
export interface PutSchedules {
  readonly startMs: number;
  readonly endMs: number;
}

/** Whether a job is a run of these schedules. */
export function isRun(id: string): boolean {
  return /^chaos-(second|grid)@/.test(id);
}

/** Puts the schedules before the first fault; they run until `endMs`. */
export async function putSchedules(stack: Stack, endMs: number): Promise<PutSchedules> {
  // The grid begins after the puts.
  const startMs = Math.ceil(Date.now() / 1_000) * 1_000 + 5_000;
  for (const [id, rule] of Object.entries(rules(startMs, endMs))) {
    const body = JSON.stringify({ ...always, ...rule, startAt: endAt(startMs) });
    const init = { method: "PUT", headers: stack.headers, body };
    for (;;) {
      const answer = await fetch(`${stack.clientUrl}/v1/schedules/${id}`, init).catch(() => null);
      if (answer?.ok === true) break;
      await pause(100);
    }
  }
  return { startMs, endMs };
}

/** Counts the times, and lists those without a run and the runs without a time. */
export function judgeSchedules(evidence: Evidence): readonly [number, readonly string[]] {
  const { startMs, endMs } = evidence.schedules;
  const ledger = evidence.ledgers.get("default");
  const wanted = new Set([
    ...runTimes(startMs, endMs, 1_000).map((at) => `chaos-second@${at}`),
    ...runTimes(startMs, endMs, 1_700).map((at) => `chaos-grid@${at}`),
  ]);
  const made = new Set([...(ledger?.jobs.keys() ?? [])].filter(isRun));
  return [
    wanted.size,
    [
      ...[...wanted].filter((id) => !made.has(id)).map((id) => `${id} was not made`),
      ...[...made].filter((id) => !wanted.has(id)).map((id) => `${id} should not be`),
      ...[...made].flatMap((id) => unended(ledger, id)),
    ],
  ];
}

function unended(ledger: QueueLedger | undefined, id: string): readonly string[] {
  const state = ledger?.ended.get(id)?.state;
  return state === "succeeded" ? [] : [`${id} is ${state ?? "not ended"}`];
}

function runTimes(startMs: number, endMs: number, step: number): readonly number[] {
  const length = Math.floor((endMs - startMs) / step) + 1;
  return Array.from({ length }, (_, k) => startMs + k * step);
}
