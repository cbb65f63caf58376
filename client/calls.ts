/** The calls that a client has, and what each of them promises; `client.ts` makes them. */
import type { Cancelled, Ended, JobLine, Refusal, Resent } from "../protocol/api/jobs.ts";
import type { NodeView } from "../protocol/api/nodes.ts";
import type { Catalog, ResultOf } from "../protocol/wire/catalog.ts";
import type { JobState } from "../protocol/wire/job.ts";
import type { FailedCalls } from "./failed.ts";
import type { AnyJob, AnyOrder, CallOptions, InQueue, JobOf, Order, Receipt } from "./order.ts";
import type { ScheduleCalls } from "./schedules.ts";
import type { WatchEvent } from "./watch.ts";

/**
 * Which jobs to list.
 * @example for await (const job of client.list({ state: "running", queue: "mail" })) console.log(job.id);
 */
export interface ListFilter {
  readonly state?: JobState;
  readonly queue?: string;
  readonly name?: string;
}

/**
 * The calls for nodes.
 * @example const nodes: NodeCalls = client.nodes;
 */
export interface NodeCalls {
  /** All nodes, by name, and which are connected. Repeat-safe. */
  list(call?: CallOptions): Promise<readonly NodeView[]>;
}

/**
 * The calls of the API. Each throws `SignalboxApiError`, or the reason of its signal. A repeat-safe call is made up to
 * `tries` times while no answer comes, or one that says to try again; any other call is made again only where it was
 * certainly not carried out (429).
 * @example
 * const client: Client<typeof catalog> = createClient<typeof catalog>({ url, token });
 */
export interface Client<C extends Catalog = Catalog> {
  /**
   * Dispatches one job. Repeat-safe: the id is made before the first try, so that a repetition makes no second job.
   * @throws SignalboxApiError `id_conflict` where the id is taken by another content, `key_held`, `payload_too_large`
   * @example const receipt = await client.dispatch({ name: "greet", payload: "Ada", delayMs: 60_000 });
   */
  dispatch<N extends keyof C & string>(order: Order<C, N>, call?: CallOptions): Promise<Receipt<N>>;
  /**
   * Dispatches 1 to 1,000 jobs in one request: a receipt or a refusal for each, in their order. Repeat-safe.
   * @example for (const answer of await client.dispatchBatch(orders)) if ("error" in answer) console.error(answer.error);
   */
  dispatchBatch(
    orders: readonly AnyOrder<C>[],
    call?: CallOptions,
  ): Promise<readonly (Receipt | Refusal)[]>;
  /**
   * The job as it is now. Repeat-safe.
   * @throws SignalboxApiError `not_found`
   * @example const { state } = await client.get("invoice-17", { queue: "mail" });
   */
  get(id: string, call?: InQueue): Promise<AnyJob<C>>;
  /**
   * Resolves to the job once it has ended, however that was; with the receipt of `dispatch` the result has its type.
   * `timeoutMs` bounds the wait; without it only the end of the job, or the signal, ends it. The job goes on. Repeat-safe.
   * @throws SignalboxApiError `timed_out`, with the job as it is; `not_found`
   * @example const job = await client.wait(receipt, { timeoutMs: 60_000 });
   */
  wait<N extends keyof C & string>(
    job: Receipt<N>,
    call?: CallOptions,
  ): Promise<Ended<JobOf<C, N>>>;
  wait(id: string, call?: InQueue): Promise<Ended<AnyJob<C>>>;
  /**
   * Dispatches one job and resolves to its result. Repeat-safe, as `dispatch` and `wait` are.
   * @throws SignalboxApiError `job_failed`, `job_cancelled` or `job_expired`, with the job; `timed_out`
   * @example const greeting = await client.run({ name: "greet", payload: "Ada" }, { timeoutMs: 60_000 });
   */
  run<N extends keyof C & string>(order: Order<C, N>, call?: CallOptions): Promise<ResultOf<C[N]>>;
  /**
   * The events of a job as they happen: its states, the progress and log lines of its handler, and its end, the last. Goes
   * on over as many streams as it takes; `timeoutMs` is for the beginning of each. Repeat-safe.
   * @throws SignalboxApiError `not_found`
   * @example for await (const { event, data } of client.watch(id)) if (event === "progress") console.log(data.progress);
   */
  watch(id: string, call?: InQueue): AsyncGenerator<WatchEvent<AnyJob<C>>, void>;
  /**
   * Asks for a job to be cancelled. Repeat-safe.
   * @throws SignalboxApiError `not_found`
   * @example const { outcome } = await client.cancel(id);
   */
  cancel(id: string, call?: InQueue): Promise<Cancelled>;
  /**
   * Sends a failed, cancelled or expired job again, with all its attempts. Not repeated by itself: the job may have failed
   * once more since, and would be sent a second time.
   * @throws SignalboxApiError `not_found`, `state_conflict`
   * @example const { resent } = await client.retry(id);
   */
  retry(id: string, call?: InQueue): Promise<Resent>;
  /**
   * Deletes a job that has ended. Repeat-safe.
   * @throws SignalboxApiError `not_found`, `state_conflict`
   * @example await client.delete(id);
   */
  delete(id: string, call?: InQueue): Promise<void>;
  /**
   * All jobs that match, newest first; pages are fetched as the loop goes on. Repeat-safe.
   * @example for await (const { id, state } of client.list({ name: "greet" })) console.log(id, state);
   */
  list(filter?: ListFilter, call?: CallOptions): AsyncGenerator<JobLine, void>;
  readonly nodes: NodeCalls;
  readonly failed: FailedCalls;
  readonly schedules: ScheduleCalls<C>;
}
