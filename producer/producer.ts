/**
 * Dispatches from a Node program that reaches Redis itself, without the function in between, and hears how
 * jobs end. Calls made at once, or while one is under way, go to Redis together.
 */
import type { Timing } from "../protocol/ledger/binding.ts";
import { defaultTiming } from "../protocol/ledger/binding.ts";
import { decodeResults, type ResultMessage } from "../protocol/wire/messages.ts";
import { SignalboxError } from "../protocol/error.ts";
import type { JobSpec } from "../protocol/wire/job.ts";
import { defaultNaming, resultChannel, type Naming } from "../protocol/redis/keys.ts";
import { createJobSigner, type JobSigner } from "../protocol/signing/job.ts";
import { createJobLedger, type Dispatched } from "../protocol/ledger/jobs.ts";
import { createJobIds, defaultQueue } from "../protocol/wire/names.ts";
import { importSigningKeys } from "../protocol/signing/keys.ts";
import { createBatcher } from "../subscriber/outcome/batcher.ts";
import { createConnection, createRedisPort } from "../subscriber/connection/ioredis.ts";
import { createListener } from "../subscriber/connection/listener.ts";

/** What to dispatch: `id` and `queue` are made up if absent. */
export type JobOrder = Omit<JobSpec, "id" | "queue"> & Partial<Pick<JobSpec, "id" | "queue">>;

/** What a producer is given. */
export interface ProducerOptions {
  /** `redis://` or `rediss://` */
  readonly redisUrl: string;
  readonly naming?: Naming;
  /** As the function and the subscribers have it. */
  readonly timing?: Timing;
  /** `SIGNALBOX_ENVELOPE_SECRET`, as the function has it: signs what is dispatched. @default nothing is signed */
  readonly envelopeSecret?: string | undefined;
  /** How often the listening connection is proved alive, in milliseconds. @default 120_000 */
  readonly pingMs?: number;
}

interface Waiter {
  readonly queue: string;
  readonly resolve: (result: ResultMessage) => void;
}

interface Asked {
  readonly spec: JobSpec;
  readonly resolve: (dispatched: Dispatched) => void;
  readonly reject: (error: SignalboxError) => void;
}

/** See `createProducer`. */
export type Producer = Awaited<ReturnType<typeof createProducer>>;

/**
 * Connects; listens to results from the first `run` on. Names and bounds of jobs are not checked here: the function does that for callers
 * that are not trusted.
 * @throws SignalboxError `redis_unavailable` if Redis cannot be reached, `config_invalid` for a secret that is none
 */
export async function createProducer(options: ProducerOptions) {
  const { redisUrl, naming = defaultNaming, timing = defaultTiming, pingMs = 120_000 } = options;
  const { envelopeSecret: secret } = options;
  const signer = secret === undefined ? {} : { signer: await signerOf(secret) };
  const commands = createConnection(redisUrl);
  const redis = createRedisPort(commands);
  const ledger = createJobLedger({ redis, naming, timing, ...signer });
  const newJobId = createJobIds();
  const closed = new AbortController();
  /** Who waits for the end of a job, by its id. Emptied when removed: see `attempts.ts`. */
  const waiting = new Map<string, Waiter[]>();

  const batcher = createBatcher<Asked>({
    sizeOf: ({ spec }) => JSON.stringify(spec.payload ?? null).length + 256,
    send: async (asked) => {
      try {
        const answers = await ledger.dispatch(asked.map(({ spec }) => spec));
        asked.forEach(({ resolve, reject }, at) => {
          const answer = answers[at];
          if (answer === undefined) reject(new SignalboxError("internal", "expected an answer"));
          else resolve(answer);
        });
      } catch (error) {
        for (const { reject } of asked) reject(error as SignalboxError);
      }
    },
    signal: closed.signal,
  });

  function settle(results: readonly ResultMessage[]): void {
    for (const result of results) {
      const waiters = waiting.get(result.id);
      if (waiters === undefined) continue;
      const others = waiters.filter(({ queue }) => queue !== result.queue);
      const told = waiters.splice(0).filter(({ queue }) => queue === result.queue);
      if (others.length === 0) waiting.delete(result.id);
      else waiters.push(...others);
      for (const { resolve } of told) resolve(result);
    }
  }

  function wait(id: string, waiter: Waiter): void {
    const others = waiting.get(id);
    if (others === undefined) waiting.set(id, [waiter]);
    else others.push(waiter);
  }

  function forget(id: string, waiter: Waiter): void {
    const waiters = waiting.get(id);
    const at = waiters?.indexOf(waiter) ?? -1;
    if (waiters === undefined || at < 0) return;
    waiters.splice(at, 1);
    if (waiters.length === 0) waiting.delete(id);
  }

  /** A result may have been published while nobody listened. */
  async function look(queue: string, id: string): Promise<void> {
    const job = await ledger.read(queue, id);
    if (job?.ended === undefined) return;
    const message = decodeResults(job.ended.text);
    if (message.kind === "results") settle(message.results);
  }

  const listener = createListener({
    redis: createConnection(redisUrl),
    channels: [resultChannel(naming)],
    pingMs,
    onMessage: (_, text) => {
      if (waiting.size === 0 || text === null) return;
      const message = decodeResults(text);
      if (message.kind === "results") settle(message.results);
    },
    onSubscribed: () => {
      isListening.resolve(undefined);
      for (const [id, waiters] of waiting) {
        for (const queue of new Set(waiters.map((waiter) => waiter.queue))) {
          look(queue, id).catch(() => undefined); // looked at again with the next connection
        }
      }
    },
    onLost: () => undefined,
    onError: () => undefined,
  });
  const isListening = Promise.withResolvers<undefined>();
  let hasStarted = false;

  function listen(): Promise<unknown> {
    if (!hasStarted) listener.start();
    hasStarted = true;
    return isListening.promise;
  }

  const specOf = ({ id = newJobId(), queue = defaultQueue, ...rest }: JobOrder): JobSpec => ({
    ...{ id, queue },
    ...rest,
  });

  /** Dispatches up to 1,000 jobs in one call; answers in their order. @throws SignalboxError */
  function dispatchBatch(orders: readonly JobOrder[]): Promise<readonly Dispatched[]> {
    return ledger.dispatch(orders.map(specOf));
  }

  /** Dispatches one job; repeat it with the same `id` if it fails. @throws SignalboxError */
  function dispatch(order: JobOrder): Promise<Dispatched> {
    return new Promise((resolve, reject) => {
      batcher.add({ spec: specOf(order), resolve, reject });
    });
  }

  /**
   * Dispatches one job and resolves to how it ended, however that was.
   * @throws SignalboxError if it was not accepted; the signal's reason if that aborts (the job goes on)
   */
  async function run(order: JobOrder, signal?: AbortSignal): Promise<ResultMessage> {
    signal?.throwIfAborted();
    await listen();
    const spec = specOf(order);
    const { promise: end, resolve, reject } = Promise.withResolvers<ResultMessage>();
    end.catch(() => undefined); // where the dispatch fails first, nobody waits for it
    const onAbort = () => {
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", onAbort);
    let { id } = spec;
    let waiter: Waiter = { queue: spec.queue, resolve };
    wait(id, waiter);
    try {
      const dispatched = await dispatch(spec);
      if (dispatched.kind !== "accepted") throw refusal(dispatched);
      if (dispatched.id !== id) {
        // A deduplication key is held by another job: that one's end is this one's.
        forget(id, waiter);
        ({ id } = dispatched);
        waiter = { queue: dispatched.queue, resolve };
        wait(id, waiter);
      }
      if (dispatched.duplicate) await look(dispatched.queue, dispatched.id);
      return await end;
    } finally {
      forget(id, waiter);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Waits for nothing: what was not answered may or may not have been accepted. */
  function close(): void {
    closed.abort();
    listener.stop();
    commands.disconnect();
  }

  try {
    commands.on("error", () => undefined); // each call fails by itself
    await commands.connect();
  } catch (cause) {
    close();
    const message = `expected to reach Redis: ${cause instanceof Error ? cause.message : ""}`;
    throw new SignalboxError("redis_unavailable", message, { cause });
  }
  return { dispatch, dispatchBatch, run, close };
}

async function signerOf(secret: string): Promise<JobSigner> {
  return createJobSigner(await importSigningKeys(secret, "SIGNALBOX_ENVELOPE_SECRET"));
}

function refusal({
  id,
  queue,
  ...more
}: Exclude<Dispatched, { kind: "accepted" }>): SignalboxError {
  if (more.kind === "conflict") {
    const message = `expected the content that job ${id} of queue ${queue} has already, got other`;
    return new SignalboxError("id_conflict", message);
  }
  const message = `expected a free deduplication key; job ${more.holder} holds it`;
  return new SignalboxError("key_held", message);
}
