/** Counts what systems at rest send to Redis. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ContenderName } from "./contender.ts";
import { startBenchRedis } from "./redis-server.ts";
import { startSide } from "./remote-side.ts";

/** How many consumers rest, and for how long, in milliseconds. */
export interface Rest {
  readonly consumers: number;
  /** After this time, the commands of the start are over. */
  readonly settleMs: number;
  readonly lookMs: number;
}

/** Resolves to the commands a minute of each consumer, keep-alives (`PING`) left out. */
export async function commandsAtRest(contender: ContenderName, rest: Rest): Promise<number> {
  await using server = await startBenchRedis("none");
  await using sides = new AsyncDisposableStack();
  for (let at = 1; at <= rest.consumers; at++) {
    const what = { role: "consumer", slots: 10, jobMs: 0, node: String(at) } as const;
    sides.use(await startSide({ contender, url: server.url, ...what }));
  }
  await sleep(rest.settleMs);
  await server.commands();
  await sleep(rest.lookMs);
  const commands = [...(await server.commands())].filter(([name]) => name !== "ping");
  const sum = commands.reduce((total, [, { calls }]) => total + calls, 0);
  return (sum * 60_000) / rest.lookMs / rest.consumers;
}
