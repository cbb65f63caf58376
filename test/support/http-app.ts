/**
 * The app of `functions/` on real parts: redis-server behind the gateway, and nodes that join the
 * ledger as a subscriber does. One per test file; `reset` between tests.
 */
import { once } from "node:events";
import type { Hono } from "hono";
import { Redis } from "ioredis";
import { createApp } from "../../functions/app.ts";
import { type Env, readConfig } from "../../functions/config.ts";
import type { AppDeps } from "../../functions/deps.ts";
import { subscribe } from "../../functions/redis/subscribe.ts";
import { createUpstash } from "../../functions/redis/upstash.ts";
import { type Gateway, startGateway } from "../../gateway/server.ts";
import { defaultTiming, type Timing } from "../../protocol/ledger/binding.ts";
import { createJobLedger, type JobLedger } from "../../protocol/ledger/jobs.ts";
import { createMaintenance, type Maintenance } from "../../protocol/ledger/maintenance.ts";
import { createNodeLedger, type NodeLedger } from "../../protocol/ledger/nodes.ts";
import { createRateCounter } from "../../protocol/ledger/rate-limit.ts";
import { createScheduleLedger, type ScheduleLedger } from "../../protocol/ledger/schedules.ts";
import { dispatchChannel, resultChannel } from "../../protocol/redis/keys.ts";
import type { Call, RedisPort } from "../../protocol/redis/port.ts";
import { decodeDispatch, type Envelope, type ResultMessage } from "../../protocol/wire/messages.ts";
import { newJobId } from "../../protocol/wire/names.ts";
import { createConnection, createRedisPort } from "../../subscriber/connection/ioredis.ts";
import { type RedisServer, startRedisServer } from "./redis-server.ts";
import { urlAs } from "./redis-users.ts";

export const clientToken = "client-token-0123456789";
const gatewayToken = "gateway-token-0123456789";
export const signingSecret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;

/** An answer, read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Stack {
  /** What the app's configuration was read from. */
  readonly env: Env;
  readonly server: RedisServer;
  readonly gateway: Gateway;
  readonly redis: Redis;
  readonly ledger: JobLedger;
  readonly maintenance: Maintenance;
  readonly schedules: ScheduleLedger;
  /** The ledger as subscribers use it; not counted in `sent`. */
  readonly nodes: NodeLedger;
  readonly deps: AppDeps;
  readonly app: Hono;
  /** Everything sent to Redis by the app since `reset`: one array of calls per request. */
  readonly sent: (readonly Call[])[];
  /** Log lines of the app since `reset`. */
  readonly logged: Readonly<Record<string, unknown>>[];
  /** A request with the client's token, or with `token`. */
  ask(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
  /** How many keys there are. */
  keys(): Promise<number>;
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Starts everything. `timing` shortens leases, `change` replaces dependencies. */
export async function startStack(
  timing: Partial<Timing> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Stack> {
  const server = await startRedisServer();
  const gateway = await startGateway({
    redisUrl: urlAs(server.url, "function"),
    token: gatewayToken,
  });
  const node = createConnection(urlAs(server.url, "subscriber"));
  node.on("error", () => undefined);
  await node.connect();
  const redis = new Redis(server.url, { retryStrategy: () => 20 });
  redis.on("error", () => undefined);
  const bindings = {
    UPSTASH_REDIS_REST_URL: gateway.url,
    UPSTASH_REDIS_REST_TOKEN: gatewayToken,
    SIGNALBOX_TOKEN: clientToken,
    SIGNALBOX_SIGNING_SECRET: signingSecret,
    ...env,
  };
  const config = await readConfig(bindings);
  const port = createUpstash({ ...config.redis, timeoutMs: 5_000 });
  const sent: (readonly Call[])[] = [];
  const logged: Readonly<Record<string, unknown>>[] = [];
  const { naming } = config;
  const counted: RedisPort = {
    send(calls) {
      sent.push(calls);
      return port.send(calls);
    },
  };
  const times = { ...defaultTiming, ...timing };
  const ledger = createJobLedger({ naming, timing: times, redis: counted });
  const maintenance = createMaintenance({ naming, timing: times, redis: counted });
  const schedules = createScheduleLedger({ naming, timing: times, redis: counted });
  const nodes = createNodeLedger({ naming, timing: times, redis: createRedisPort(node) });
  const deps: AppDeps = {
    ledger,
    maintenance,
    schedules,
    config,
    isAllowedQueue: () => true,
    countRequest: createRateCounter({ naming, timing: times, redis: counted }),
    now: Date.now,
    newId: newJobId,
    ping: async () => {
      await port.send([{ command: ["PING"] }]);
    },
    subscribe: (signal, channel = resultChannel(naming)) =>
      subscribe({ ...config.redis, channel }, signal),
    // eslint-disable-next-line no-restricted-syntax -- the limit that the function itself sets
    deadline: (ms) => AbortSignal.timeout(ms),
    log: (fields) => logged.push(fields),
  };
  const app = createApp(deps);
  return {
    env: bindings,
    server,
    gateway,
    redis,
    ledger,
    maintenance,
    schedules,
    nodes,
    deps,
    app,
    sent,
    logged,
    ask: (method, path, body, token) =>
      ask(app, { method, path, body, ...(token === undefined ? {} : { token }) }),
    keys: () => redis.dbsize(),
    async reset() {
      await redis.flushall();
      sent.length = 0;
      logged.length = 0;
    },
    async close() {
      redis.disconnect();
      node.disconnect();
      await gateway.close();
      await server.stop();
    },
  };
}

/** Asks `app` as a client, with the right token if none is given; a `body` of another type than string goes as JSON. */
export async function ask(
  app: Hono,
  {
    method,
    path,
    body,
    token = clientToken,
  }: { method: string; path: string; body?: unknown; token?: string },
): Promise<Answer> {
  const response = await app.request(path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return read(response);
}

export async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  const body = (text === "" ? {} : JSON.parse(text)) as Answer["body"];
  return { status: response.status, headers: response.headers, body };
}

/** A node that has joined `queue` and hears its channel. */
export interface TestNode {
  /** The next envelope that was sent to it. */
  next(): Promise<Envelope>;
  /** Ends an attempt; the result goes to the outbox and to `CHANNEL_RESULT`. */
  finish(envelope: Envelope, end?: Partial<ResultMessage>): Promise<string>;
  close(): Promise<void>;
}

export async function joinNode(
  { server, nodes }: Stack,
  { name, queue = "default", slots = 1 }: { name: string; queue?: string; slots?: number },
): Promise<TestNode> {
  const listener = new Redis(server.url);
  const inbox: Envelope[] = [];
  const arrived = new EventTarget();
  listener.on("message", (_channel, text: string) => {
    const message = decodeDispatch(text);
    if (message.kind === "jobs") inbox.push(...message.envelopes);
    arrived.dispatchEvent(new Event("jobs"));
  });
  await listener.subscribe(dispatchChannel({ keyPrefix: "", channelPrefix: "" }, name));
  const info = JSON.stringify({ host: "test", labels: ["a"] });
  await nodes.join({ queue, name, epoch: null, slots, info, running: [] });
  return {
    async next() {
      for (;;) {
        const envelope = inbox.shift();
        if (envelope !== undefined) return envelope;
        await once(arrived, "jobs");
      }
    },
    async finish({ id, token, attempt, name: job }, end = { state: "succeeded", result: "done" }) {
      const message = { v: 1, id, name: job, queue, node: name, token, attempt, durationMs: 5 };
      const state = end.state ?? "succeeded";
      const text = JSON.stringify({ ...message, state, ...end });
      const { entry } = await nodes.finish(
        queue,
        [{ id, token, node: name, state: state === "expired" ? "failed" : state, text }],
        { nodes: [{ node: name, mode: "take", waiting: false }], wasBusy: false },
      );
      return entry ?? "";
    },
    async close() {
      // Redis confirms this; it would notice a closed connection only later.
      await listener.unsubscribe();
      listener.disconnect();
    },
  };
}
