/**
 * Dispatches from a Node program that reaches Redis itself, without the function in between, and hears how jobs end. Calls
 * that are made in one turn, or while one is under way, go to Redis together.
 */
import { SignalboxError } from "../protocol/error.ts";
import { defaultTiming, type Timing } from "../protocol/ledger/binding.ts";
import { createJobLedger, type Dispatched } from "../protocol/ledger/jobs.ts";
import {
  type ConnectFailure,
  describeConnectFailure,
  explainConnectFailure,
} from "../protocol/redis/connect-failure.ts";
import { defaultNaming, type Naming } from "../protocol/redis/keys.ts";
import { createJobSigner, type JobSigner } from "../protocol/signing/job.ts";
import { importSigningKeys } from "../protocol/signing/keys.ts";
import type { JobSpec } from "../protocol/wire/job.ts";
import type { ResultMessage } from "../protocol/wire/messages.ts";
import { createJobIds, defaultQueue } from "../protocol/wire/names.ts";
import { omitUndefined } from "../protocol/wire/omit-undefined.ts";
import { isWholeFrom, showValue, wholeText } from "../protocol/wire/whole.ts";
import {
  createConnection,
  createRedisPort,
  readAddress,
} from "../subscriber/connection/ioredis.ts";
import { createDispatcher } from "./dispatcher.ts";
import { requireSoundOrder } from "./order-check.ts";
import { createResultListener } from "./result-listener.ts";
import { createWaiters, type Waiter } from "./waiters.ts";

/**
 * What to dispatch. If absent, `id` is made up and `queue` is `default`.
 * @example
 * const order: JobOrder = { name: "resize", payload: { url }, queue: "images", attempts: 5 };
 */
export type JobOrder = Omit<JobSpec, "id" | "queue"> & Partial<Pick<JobSpec, "id" | "queue">>;

/**
 * What a producer is given. Naming, timing and secret must be those of the function and the subscribers.
 * @example
 * const options: ProducerOptions = {
 *   redisUrl: "rediss://default:secret@redis.example:6379",
 *   envelopeSecret: process.env["SIGNALBOX_ENVELOPE_SECRET"],
 * };
 */
export interface ProducerOptions {
  /** `redis://`, `rediss://`, `valkey://`, `valkeys://` or `unix://`, with the database if it is not 0 */
  readonly redisUrl: string;
  /** Prefixes of keys and channels. @default those of a function without settings */
  readonly naming?: Naming;
  /** Lengths of leases. @default those of a function without settings */
  readonly timing?: Timing;
  /** `SIGNALBOX_ENVELOPE_SECRET`: signs what is dispatched. @default nothing is signed */
  readonly envelopeSecret?: string | undefined;
  /** How often the listening connection is proved alive, in milliseconds. @default 120_000 */
  readonly pingMs?: number;
}

/**
 * A connection to Redis that dispatches.
 * @example
 * const producer = await createProducer({ redisUrl: "redis://127.0.0.1:6379" });
 * try {
 *   console.log(await producer.run({ name: "echo", payload: "hello" }));
 * } finally {
 *   producer.close();
 * }
 */
export interface Producer {
  /**
   * Dispatches one job. Repeat-safe with the same `id`: repeat it if it fails, for then the job may have been accepted.
   * @returns `accepted`, or why not: `conflict` (the id is taken by other content), `rejected` (another
   *   job holds the deduplication key)
   * @throws SignalboxError `invalid_request` for a value that JSON would change, or a time-out or delay that is no whole
   *   number of milliseconds; nothing is sent then. Another code if Redis fails
   * @example
   * const answer = await producer.dispatch({ id: "invoice-17", name: "print", payload: 17 });
   * if (answer.kind === "accepted") console.log(answer.state, answer.duplicate);
   */
  dispatch(order: JobOrder): Promise<Dispatched>;
  /**
   * Dispatches up to 1,000 jobs in one call for each queue; answers in their order. As `dispatch`.
   * @example
   * const answers = await producer.dispatchBatch(pages.map((page) => ({ name: "crawl", payload: page })));
   */
  dispatchBatch(orders: readonly JobOrder[]): Promise<readonly Dispatched[]>;
  /**
   * Dispatches one job and resolves to how it ended, whatever its state. A job that has ended already is answered from
   * the ledger; a job whose deduplication key is held answers the end of the holder.
   * @throws SignalboxError if it was not accepted: `id_conflict`, `key_held`, or Redis failed; the signal's reason if
   *   that aborts, and the job goes on
   * @example
   * const { state, result } = await producer.run({ name: "resize", payload: { url } }, AbortSignal.timeout(60_000));
   */
  run(order: JobOrder, signal?: AbortSignal): Promise<ResultMessage>;
  /**
   * Ends both connections and waits for nothing. A call that is not answered may or may not have been accepted: it fails,
   * or stays unanswered.
   * @example
   * process.once("SIGTERM", () => producer.close());
   */
  close(): void;
}

/**
 * Creates a producer; resolves once it is connected. It listens to results from the first `run` on. Names and sizes of
 * jobs are not checked: the function does that, for clients that are not trusted.
 * @throws SignalboxError `redis_unavailable` if Redis cannot be reached, `config_invalid` for a secret, URL or length of time
 *   that cannot be read, and where Redis refuses the user, the password or the database, or its certificate is not valid
 * @example
 * const producer = await createProducer({ redisUrl: "redis://127.0.0.1:6379" });
 * await producer.dispatch({ name: "echo", payload: "hello" });
 * producer.close();
 */
export async function createProducer(options: ProducerOptions): Promise<Producer> {
  const { redisUrl, naming = defaultNaming, timing = defaultTiming, pingMs = 120_000 } = options;
  requireTimes(timing, pingMs);
  const signer = await signerOf(options.envelopeSecret);
  const commands = createConnection(redisUrl);
  const redis = createRedisPort(commands);
  const ledger = createJobLedger(omitUndefined({ redis, naming, timing, signer }));
  const newJobId = createJobIds();
  const closed = new AbortController();
  const waiters = createWaiters();
  const listener = createResultListener({ redisUrl, naming, pingMs, ledger, waiters });
  const dispatchOne = createDispatcher(ledger, closed.signal);

  function specOf(order: JobOrder): JobSpec {
    requireSoundOrder(order);
    return { ...order, id: order.id ?? newJobId(), queue: order.queue ?? defaultQueue };
  }

  async function run(order: JobOrder, signal?: AbortSignal): Promise<ResultMessage> {
    signal?.throwIfAborted();
    const spec = specOf(order);
    await listener.listening();
    const end = Promise.withResolvers<ResultMessage>();
    end.promise.catch(() => undefined); // if the dispatch fails first, nobody waits for it
    const onAbort = () => {
      end.reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort);
    let waiter: Waiter = { queue: spec.queue, id: spec.id, resolve: end.resolve };
    waiters.add(waiter);
    try {
      const dispatched = await dispatchOne(spec);
      if (dispatched.kind !== "accepted") throw refusal(dispatched);
      if (dispatched.id !== spec.id) {
        // Another job holds the deduplication key: its end is the answer.
        waiters.remove(waiter);
        waiter = { queue: dispatched.queue, id: dispatched.id, resolve: end.resolve };
        waiters.add(waiter);
      }
      if (dispatched.duplicate) await listener.check(dispatched.queue, dispatched.id);
      return await end.promise;
    } finally {
      waiters.remove(waiter);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  function close(): void {
    closed.abort();
    listener.stop();
    commands.disconnect();
  }

  let failure: ConnectFailure | undefined;
  try {
    // Once it is connected each call fails by itself.
    commands.on("error", (error: Error) => {
      failure ??= explainConnectFailure(error, readAddress(redisUrl));
    });
    await commands.connect();
  } catch (cause) {
    close();
    failure ??= explainConnectFailure(cause, readAddress(redisUrl));
    const code = failure.isFinal ? "config_invalid" : "redis_unavailable";
    const message = `expected to reach Redis: ${describeConnectFailure(failure)}`;
    throw new SignalboxError(code, message, { cause });
  }
  return {
    dispatch: async (order) => dispatchOne(specOf(order)),
    dispatchBatch: async (orders) => ledger.dispatch(orders.map(specOf)),
    run,
    close,
  };
}

/** The bounds are those of the settings of a subscriber. @throws SignalboxError `config_invalid` */
function requireTimes({ unacknowledgedMs, leaseMs, foreignMs }: Timing, pingMs: number): void {
  const times: readonly (readonly [name: string, ms: unknown, min: number, max: number])[] = [
    ["pingMs", pingMs, 100, 3_600_000],
    ["timing.unacknowledgedMs", unacknowledgedMs, 100, 3_600_000],
    ["timing.leaseMs", leaseMs, 300, 86_400_000],
    ["timing.foreignMs", foreignMs, 100, 86_400_000],
  ];
  for (const [name, ms, min, max] of times) {
    if (isWholeFrom(min, ms, max)) continue;
    const message = `${name}: expected ${wholeText(min, max)} milliseconds, got ${showValue(ms)}`;
    throw new SignalboxError("config_invalid", message);
  }
}

async function signerOf(secret: string | undefined): Promise<JobSigner | undefined> {
  if (secret === undefined) return undefined;
  return createJobSigner(await importSigningKeys(secret, "SIGNALBOX_ENVELOPE_SECRET"));
}

function refusal(refused: Exclude<Dispatched, { kind: "accepted" }>): SignalboxError {
  const { id, queue } = refused;
  if (refused.kind === "conflict") {
    const message = `expected the content that job ${id} of queue ${queue} has already, got other`;
    return new SignalboxError("id_conflict", message);
  }
  const message = `expected a free deduplication key; job ${refused.holder} holds it`;
  return new SignalboxError("key_held", message);
}
