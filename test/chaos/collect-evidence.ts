/** Collects the evidence once the stack is quiet, then ends its parts and records how they end. */
import { deadLettersKey, defaultNaming } from "../../protocol/redis/keys.ts";
import { readAudit } from "./audit.ts";
import type { Evidence } from "./evidence.ts";
import { explain, wasLate } from "./explain.ts";
import type { History } from "./history.ts";
import { readLedger } from "./ledger.ts";
import type { Load } from "./load.ts";
import type { Observer } from "./observer.ts";
import type { Random } from "./random.ts";
import { readRuns } from "./run-log.ts";
import type { PutSchedules } from "./schedules.ts";
import { queueNames, type Stack } from "./stack.ts";

/** Jobs that are also read over HTTP, and how many at a time. */
const maxViews = 600;
const viewsAtOnce = 12;

export interface EvidenceOptions {
  readonly stack: Stack;
  readonly history: History;
  readonly observer: Observer;
  readonly load: Load;
  readonly unrest: readonly string[];
  readonly random: Random;
  readonly schedules: PutSchedules;
}

export async function collectEvidence(options: EvidenceOptions): Promise<Evidence> {
  const { stack, history, observer, load, unrest, schedules } = options;
  const ledgers = new Map(
    await Promise.all(
      queueNames.map(async (queue) => [queue, await readLedger(stack.direct, queue)] as const),
    ),
  );
  const views = await readViews(options);
  const deadLetters = await stack.direct.xlen(deadLettersKey(defaultNaming));
  for (const station of stack.stations) await station.stop();
  const runs = await readRuns(stack.runs);
  return {
    ledgers,
    views,
    runs,
    unrest,
    deadLetters,
    schedules,
    asked: load.asked,
    again: explain(runs, history),
    heard: observer.heard,
    drainedAt: drainedAt(stack),
    killedAt: killedAt(history),
    audit: await readAudit(stack.direct),
    lastedMs: Date.now() - history.startedAt,
    isTroubled: (run) => wasLate(run, history),
    garbage: history.counts.get("fault: garbage") ?? 0,
    problems: [
      ...load.problems,
      ...stack.stations.flatMap(({ problems }) => problems),
      ...complaints(stack),
    ],
  };
}

async function readViews({ stack, load, random }: EvidenceOptions): Promise<Evidence["views"]> {
  const views = new Map<string, { state?: string; recorded?: boolean }>();
  const accepted = load.asked.filter((each) => each.accepted !== undefined);
  const share = maxViews / Math.max(1, accepted.length);
  const wanted = accepted.filter(() => random.chance(share));
  const readOne = async (): Promise<void> => {
    for (let each = wanted.pop(); each !== undefined; each = wanted.pop()) {
      const { queue } = each.order;
      const id = each.accepted?.id ?? "";
      const response = await fetch(`${stack.clientUrl}/v1/jobs/${id}?queue=${queue}`, {
        headers: stack.headers,
      });
      views.set(`${queue} ${id}`, (await response.json()) as { state?: string });
    }
  };
  await Promise.all(Array.from({ length: viewsAtOnce }, readOne));
  return views;
}

function drainedAt({ stations }: Stack): Evidence["drainedAt"] {
  const found = new Map<number, number>();
  for (const { pid, lines } of stations.flatMap(({ past }) => past)) {
    const line = lines.find(({ msg }) => msg.startsWith("draining")) as
      { time?: string } | undefined;
    if (line?.time !== undefined) found.set(pid, Date.parse(line.time));
  }
  return found;
}

function killedAt({ lives }: History): Evidence["killedAt"] {
  return new Map(
    [...lives.values()].flatMap((life) =>
      life.killedAt === undefined ? [] : [[life.pid, life.killedAt]],
    ),
  );
}

/** Log lines of the function and the gateway that show a bug rather than a fault. */
const bug = /unhandled|uncaught|"code":"internal"|TypeError|ReferenceError|"level":60|exceeded/i;

/** Logged by the platform when a tick fails because Redis does not answer. */
const expected = /AggregateError: tick failed in: [^"]*redis_unavailable/;

function complaints({ master, gateway, stations }: Stack): readonly string[] {
  const lines = [
    ...master.lines.map((line) => `function: ${line}`),
    ...gateway.lines.map((line) => `gateway: ${line}`),
  ].filter((line) => bug.test(line) && !expected.test(line));
  const severe = stations.flatMap(({ name, past }) =>
    past.flatMap(({ lines: said }) =>
      said
        .filter(({ level, msg }) => level >= 50 && !msg.startsWith("another subscriber"))
        .map((line) => `${name}: ${JSON.stringify(line)}`),
    ),
  );
  return [...lines, ...severe].map((line) => line.slice(0, 1_000));
}
