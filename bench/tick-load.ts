/** Schedules that are due now, for ticks to work off. */
import type { Redis } from "ioredis";
import { defaultTiming } from "../protocol/ledger/binding.ts";
import { createScheduleLedger } from "../protocol/ledger/schedules.ts";
import { defaultNaming } from "../protocol/redis/keys.ts";
import { defaultPlan, type Rule, type ScheduleSpec } from "../protocol/schedule/schedule.ts";
import { createRedisPort } from "../subscriber/connection/ioredis.ts";

const hour = 3_600_000;
const timeZone = "Europe/Berlin";
const every: Rule = { kind: "every", everyMs: 0.75 * hour };
const shared: Rule = { kind: "cron", cron: "0 * * * *", timeZone };
/** One of 3,600 that each have one time an hour. */
const own = (at: number): Rule => ({
  kind: "cron",
  cron: `${at % 60} ${Math.floor(at / 60) % 60} * * * *`,
  timeZone,
});

/** What may be due, by name: the rule of each schedule. The last one takes all that a tick may do of both kinds. */
export const loads = {
  "`every`": () => every,
  "cron, one expression": () => shared,
  "`every`, each tenth cron with an expression of its own": (at) =>
    at % 10 === 0 ? own(at) : every,
} as const satisfies Readonly<Record<string, (at: number) => Rule>>;

const perCall = 500;

/** Leaves nothing in Redis but `count` schedules, made an hour ago: a time or so of each has passed since. */
export async function loadSchedules(
  redis: Redis,
  count: number,
  ruleOf: (at: number) => Rule,
): Promise<void> {
  await redis.flushall();
  const schedules = createScheduleLedger({
    redis: createRedisPort(redis),
    naming: defaultNaming,
    timing: defaultTiming,
    simulatedNow: () => Date.now() - hour,
  });
  const specs = Array.from({ length: count }, (_, at): ScheduleSpec => {
    const job = { name: "echo", payload: { customer: at, format: "pdf" } };
    const plan = { ...defaultPlan, rule: ruleOf(at) };
    return { id: `report-${at}`, queue: "default", plan, job };
  });
  for (let from = 0; from < count; from += perCall) {
    const some = specs.slice(from, from + perCall);
    await schedules.put(some, { source: "http", nonce: "bench", max: count });
  }
}
