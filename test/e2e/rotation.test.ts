/**
 * Rotates both secrets under load, on real parts (workerd, gateway, subscriber processes), in the steps that
 * `signalbox keys rotate` prints. No clock ticks, so only the callback records.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { test } from "vitest";
import { rotate } from "../../cli/keys.ts";
import { createClient } from "../../client/client.ts";
import { freePort } from "../../local/ports.ts";
import { defaultTiming } from "../../protocol/ledger/binding.ts";
import { createJobLedger } from "../../protocol/ledger/jobs.ts";
import { defaultNaming, queueKeys } from "../../protocol/redis/keys.ts";
import { createJobSigner } from "../../protocol/signing/job.ts";
import { importSigningKeys } from "../../protocol/signing/keys.ts";
import { sign } from "../../protocol/signing/webhook.ts";
import { createRedisPort } from "../../subscriber/connection/ioredis.ts";
import { createFunctionPart, createGatewayPart, type Part } from "../chaos/master.ts";
import { pause } from "../chaos/pace.ts";
import { job } from "../support/ledger.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { spawnSubscriber, type SubscriberProcess } from "../support/subscriber-process.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

const gatewayToken = "gateway-token-0123456789";
const token = "client-token-0123456789";
const secretOf = (fill: number) => `whsec_${Buffer.alloc(32, fill).toString("base64")}`;
const keys = queueKeys(defaultNaming, "default");
/** How many jobs are dispatched and recorded after each step, at least. */
const jobsAStep = 40;
/** Pause between two dispatches of a caller, in milliseconds. */
const paceMs = 20;

/** The settings of one side. */
interface Secrets {
  readonly signing: string;
  readonly envelope: string;
}

/** Redis, the gateway, and one address behind which functions replace each other as in a deployment. */
async function startGround() {
  await using starting = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "signalbox-rotation-"));
  starting.defer(() => rm(directory, { recursive: true, force: true }));
  const server = starting.use(await startRedisServer({}));
  const redis = new Redis(server.url);
  starting.defer(() => {
    redis.disconnect();
  });
  const gateway = createGatewayPart({
    redisUrl: server.url,
    port: await freePort(),
    token: gatewayToken,
  });
  await gateway.start();
  starting.defer(gateway.stop);
  const address = starting.use(await startTcpProxy(1));
  const url = `http://127.0.0.1:${address.port}`;
  let current: Part | undefined;
  starting.defer(async () => current?.stop());
  let deployed = 0;
  const parts = starting.move();

  /** Starts the new function before it stops the old one. */
  async function deploy({ signing, envelope }: Secrets): Promise<void> {
    const port = await freePort();
    const part = createFunctionPart({
      directory: join(directory, String(++deployed)),
      port,
      variables: {
        UPSTASH_REDIS_REST_URL: gateway.url,
        UPSTASH_REDIS_REST_TOKEN: gatewayToken,
        SIGNALBOX_TOKEN: token,
        SIGNALBOX_SIGNING_SECRET: signing,
        SIGNALBOX_ENVELOPE_SECRET: envelope,
      },
    });
    await part.start();
    address.aim(port);
    const former = current;
    current = part;
    await former?.stop();
  }

  async function launch({ signing, envelope }: Secrets): Promise<SubscriberProcess> {
    const { unacknowledgedMs, leaseMs, foreignMs } = defaultTiming;
    const launched = await spawnSubscriber({
      REDIS_URL: server.url,
      SIGNALBOX_NODES: "1:10",
      LOG_LEVEL: "info",
      SIGNALBOX_UNACKNOWLEDGED_MS: String(unacknowledgedMs),
      SIGNALBOX_LEASE_MS: String(leaseMs),
      SIGNALBOX_FOREIGN_MS: String(foreignMs),
      SIGNALBOX_CALLBACK_URL: `${url}/v1/results`,
      SIGNALBOX_SIGNING_SECRET: signing,
      SIGNALBOX_ENVELOPE_SECRET: envelope,
    });
    parts.use(launched);
    return launched;
  }

  return { url, redis, deploy, launch, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** Callers that dispatch one job after the other through the function. */
function startLoad(url: string, callers: number) {
  const client = createClient({ url, token, tries: 8 });
  const accepted: string[] = [];
  const refused: unknown[] = [];
  let isOver = false;
  const running = Array.from({ length: callers }, async (_, caller) => {
    for (let count = 0; !isOver; count++) {
      const id = `load-${caller}-${count}`;
      await client.dispatch({ name: "echo", id, payload: { id } }).then(
        () => accepted.push(id),
        (error: unknown) => refused.push(error),
      );
      await pause(paceMs);
    }
  });
  return {
    accepted,
    refused,
    end: async () => {
      isOver = true;
      await Promise.all(running);
    },
  };
}

/** Sends an empty delivery; the answer to a valid signature is that the delivery is empty. */
async function knock(url: string, secret: string | null): Promise<string> {
  const body = '{"deliveries":[]}';
  const signed = async (key: string) =>
    sign(await importSigningKeys(key), { id: "msg_knock", body, nowMs: Date.now() });
  const headers = secret === null ? {} : { ...(await signed(secret)) };
  const response = await fetch(`${url}/v1/results`, { method: "POST", body, headers });
  const { code, detail } = (await response.json()) as { code: string; detail: string };
  return code === "invalid_request" ? "let in" : `${response.status} ${code}: ${detail}`;
}

test("secrets are exchanged under load: each job runs and is recorded, and the retired keys open nothing", async ({
  expect,
}) => {
  const old: Secrets = { signing: secretOf(1), envelope: secretOf(2) };
  const signing = await rotate(old.signing);
  const envelope = await rotate(old.envelope, "SIGNALBOX_ENVELOPE_SECRET");
  const unknown = (id: string) =>
    `401 signature_invalid: expected a key that is known here, got the id ${id}`;
  await using ground = await startGround();
  const { url, redis } = ground;
  const ledger = createJobLedger({
    redis: createRedisPort(redis),
    naming: defaultNaming,
    timing: defaultTiming,
    signer: createJobSigner(await importSigningKeys(old.envelope)),
  });
  const isRecorded = async (id = "") =>
    (await ledger.read("default", id))?.ended?.recorded === true;

  await ground.deploy(old);
  const subscribers = [await ground.launch(old)];
  const load = startLoad(url, 3);
  const further = async (step: string) => {
    const wanted = load.accepted.length + jobsAStep;
    await until(() => load.accepted.length >= wanted, { within: 60_000, or: `jobs: ${step}` });
    const last = load.accepted.at(-1);
    await until(() => isRecorded(last), { within: 60_000, or: `${last} recorded: ${step}` });
  };
  const replace = async (secrets: Secrets) => {
    const former = subscribers.at(-1);
    subscribers.push(await ground.launch(secrets));
    await former?.exited;
  };
  await further("before");
  expect(await knock(url, signing.next)).toBe(unknown(signing.nextId));

  await ground.deploy({ ...old, signing: signing.both });
  await further("the function accepts both");
  expect(await knock(url, signing.next)).toBe("let in");

  await replace({ signing: signing.next, envelope: envelope.both });
  await further("the subscriber signs with the next, and accepts jobs signed with either");

  await ground.deploy({ signing: signing.next, envelope: envelope.turned });
  await further("the function accepts only the next, and signs jobs with the next");

  await replace({ signing: signing.next, envelope: envelope.next });
  await further("the subscriber accepts jobs signed only with the next");
  await load.end();

  expect(load.refused).toEqual([]);
  const unfinished = async () => {
    const results = await redis.hgetall(keys.results);
    return load.accepted.filter((id) => !results[id]?.startsWith("succeeded "));
  };
  await until(
    async () => (await unfinished()).length === 0 && (await redis.xlen(keys.outbox)) === 0,
    { within: 30_000, or: "every job to have succeeded and to be recorded" },
  );
  expect(await redis.hlen(keys.results)).toBe(load.accepted.length);
  const lines = subscribers.flatMap((subscriber) => subscriber.lines);
  expect(lines.filter(({ reason }) => reason?.startsWith("HTTP 4"))).toEqual([]);

  expect(await knock(url, old.signing)).toBe(unknown(signing.currentId));
  expect(await knock(url, null)).toMatch(/^401 signature_invalid: expected the headers/);
  expect(await knock(url, signing.next)).toBe("let in");
  await ledger.dispatch([job("retired")]);
  await until(() => isRecorded("retired"), { within: 20_000, or: "the refusal to be recorded" });
  expect((await ledger.read("default", "retired"))?.ended?.text).toContain(
    `"code":"signature_refused","message":"expected a job signed with a key that is known here, got the id ${envelope.currentId}"`,
  );
});
