/** Schedules that are due now, for ticks to process. */
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
/** One of 3,600 expressions, each of which is due once an hour. */
const own = (at: number): Rule => ({
  kind: "cron",
  cron: `${at % 60} ${Math.floor(at / 60) % 60} * * * *`,
  timeZone,
});

/** Loads by name: index of a schedule → its rule. The last one uses up the share of both kinds that a tick may process. */
export const loads = {
  "`every`": () => every,
  "cron, one expression": () => shared,
  "`every`, each tenth cron with an expression of its own": (at) =>
    at % 10 === 0 ? own(at) : every,
} as const satisfies Readonly<Record<string, (at: number) => Rule>>;

const perCall = 500;

/** Empties Redis and puts `count` schedules as of an hour ago, so that about one time of each has passed. */
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
