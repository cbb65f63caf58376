/**
 * Schedules to the second on the real stack in real time: `wrangler dev`, the clock that ticks once a minute, one
 * subscriber; all of them killed halfway and started again. Run by hand for minutes
 * (`npm run live-schedules -- --minutes 5`), by a test for less.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Redis } from "ioredis";
import { fireCron, startClock } from "../../local/clock.ts";
import { freePort } from "../../local/ports.ts";
import { defaultNaming, queueKeys } from "../../protocol/redis/keys.ts";
import { decodeBody } from "../../protocol/wire/job.ts";
import { parseRecord, stampMs } from "../../protocol/wire/record.ts";
import { createFunctionPart, createGatewayPart } from "../chaos/master.ts";
import { pause } from "../chaos/pace.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { urlAs } from "../support/redis-users.ts";
import { spawnSubscriber } from "../support/subscriber-process.ts";
import { until } from "../support/until.ts";

const gatewayToken = "gateway-token-0123456789";
const token = "client-token-0123456789";
const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
/** How long everything is away. */
const awayMs = 8_000;
const handlers = resolve(import.meta.dirname, "../chaos/handlers.ts");

/** What a run showed. */
export interface Live {
  /** How many times there were. */
  readonly times: number;
  /** Times without a run, runs without a time. */
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  /** How late runs were made while a subscriber was connected, in milliseconds: median and worst. */
  readonly medianMs: number;
  readonly worstMs: number;
  /** Runs made after the outage. */
  readonly late: number;
  readonly ticks: number;
}

/** Runs it for `minutes`. */
export async function runLive(minutes: number, say: (line: string) => void): Promise<Live> {
  await using parts = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "signalbox-live-"));
  parts.defer(() => rm(directory, { recursive: true, force: true }));
  const redis = parts.use(await startRedisServer({}));
  const direct = new Redis(redis.url);
  parts.defer(() => {
    direct.disconnect();
  });
  const gateway = createGatewayPart({
    redisUrl: urlAs(redis.url, "function"),
    port: await freePort(),
    token: gatewayToken,
  });
  const variables = {
    UPSTASH_REDIS_REST_URL: gateway.url,
    UPSTASH_REDIS_REST_TOKEN: gatewayToken,
    SIGNALBOX_TOKEN: token,
    SIGNALBOX_SIGNING_SECRET: secret,
  };
  const master = createFunctionPart({ directory, port: await freePort(), variables });
  parts.defer(master.stop);
  parts.defer(gateway.stop);
  await gateway.start();
  await master.start();
  let ticks = 0;
  const clock = startClock({
    fire: async (scheduledMs, signal) => {
      await fireCron(master.url, scheduledMs, signal);
      ticks++;
    },
    report: say,
  });
  parts.defer(() => clock.stop());
  const launch = () =>
    spawnSubscriber({
      REDIS_URL: redis.url,
      SIGNALBOX_NODES: "1:50",
      SIGNALBOX_HANDLERS: handlers,
      SIGNALBOX_CALLBACK_URL: `${master.url}/v1/results`,
      SIGNALBOX_SIGNING_SECRET: secret,
      LOG_LEVEL: "info",
      CHAOS_RUNS: join(directory, "runs.jsonl"),
    });
  let subscriber = await launch();
  parts.defer(() => subscriber[Symbol.asyncDispose]());

  const startMs = Math.ceil(Date.now() / 1_000) * 1_000 + 3_000;
  const endMs = startMs + minutes * 60_000;
  const bounds = { startAt: startMs, endAt: endMs, missed: "all", maxMissed: 1_000 };
  const put = (id: string, rule: object) =>
    fetch(`${master.url}/v1/schedules/${id}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ ...bounds, ...rule, name: "echo" }),
    });
  await put("second", { cron: "* * * * * *", timeZone: "Australia/Lord_Howe" });
  await put("grid", { everyMs: 2_500 });
  say(`two schedules for ${minutes} minutes`);

  await pause(startMs + (endMs - startMs) / 2 - Date.now());
  subscriber.kill("SIGKILL");
  await Promise.all([master.kill(), gateway.kill()]);
  const killedMs = Date.now();
  say("function, gateway and subscriber killed");
  await pause(awayMs);
  await gateway.start();
  await master.start();
  subscriber = await launch();
  const backMs = Date.now();
  say(`started again after ${backMs - killedMs} ms`);
  await pause(endMs + 1_000 - Date.now());

  const keys = queueKeys(defaultNaming, "default");
  await until(async () => (await direct.zcount(keys.due, "-inf", Date.now())) === 0, {
    within: 10_000,
    or: "nothing due",
  });
  const made = new Map<string, number>();
  const lateness: number[] = [];
  for (const [id, text] of Object.entries(await direct.hgetall(keys.jobs))) {
    const { accepted, body } = parseRecord(text);
    const { at = 0 } = decodeBody(body).schedule ?? {};
    made.set(id, at);
    if (at < killedMs - 1_000 || at > backMs + 3_000) lateness.push(stampMs(accepted) - at);
  }
  const wanted = new Set([...idsOf("second", 1_000), ...idsOf("grid", 2_500)]);
  function idsOf(id: string, step: number): string[] {
    const length = Math.floor((endMs - startMs) / step) + 1;
    return Array.from({ length }, (_, k) => `${id}@${startMs + k * step}`);
  }
  lateness.sort((a, b) => a - b);
  return {
    times: wanted.size,
    missing: [...wanted].filter((id) => !made.has(id)),
    unexpected: [...made.keys()].filter((id) => !wanted.has(id)),
    medianMs: lateness[Math.floor(lateness.length / 2)] ?? Infinity,
    worstMs: lateness.at(-1) ?? Infinity,
    late: [...made.values()].filter((at) => at >= killedMs - 1_000 && at <= backMs).length,
    ticks,
  };
}
