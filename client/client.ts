/**
 * The HTTP API as typed calls. Needs `fetch` and nothing else: runs on Node, on Workers and in browsers. Ids are
 * made here, before the first try, so that a dispatch whose answer was lost is repeated and makes one job.
 */
import type { Catalog, ResultOf } from "../protocol/wire/catalog.ts";
import { terminalStates, type JobState } from "../protocol/wire/job.ts";
import { newJobId } from "../protocol/wire/names.ts";
import { SignalboxApiError, type ClientErrorCode } from "./error.ts";
import { createFailed } from "./failed.ts";
import type { AnyJob, AnyOrder, CallOptions, InQueue, JobOf, Order } from "./order.ts";
import { paged } from "./pages.ts";
import { createRequest, sleep, type ClientOptions } from "./request.ts";
import { createSchedules } from "./schedules.ts";
import { watchJob, type WatchEvent } from "./watch.ts";
import type {
  Cancelled,
  Ended,
  JobLine,
  NodeView,
  Receipt,
  Refusal,
  Resent,
} from "../protocol/api/jobs.ts";

/** Which jobs to list. */
export interface ListFilter {
  readonly state?: JobState;
  readonly queue?: string;
  readonly name?: string;
}

/** Asked for again as long as the job has not ended; the function waits no longer at once, in seconds. */
const longestWait = 25;
/** For the way there and back, on top of the wait, in milliseconds. */
const waitMarginMs = 15_000;
/** Who has waited for less than this was answered before the time. */
const earlyMs = 500;

/** See `createClient`. */
export type Client<C extends Catalog = Catalog> = ReturnType<typeof createClient<C>>;

/**
 * A client of the function at `url`. With the catalogue as type argument (`createClient<typeof catalog>(…)`) names,
 * payloads and results are checked by the compiler. All calls throw `SignalboxApiError`, or the reason of their signal.
 * @throws TypeError for a URL or token that cannot be one
 */
export function createClient<C extends Catalog = Catalog>(options: ClientOptions) {
  const { request, open } = createRequest(options);
  const path = (id: string, action = "") => `/v1/jobs/${encodeURIComponent(id)}${action}`;

  /** Dispatches one job. Repeated while no answer comes: there is one job all the same. */
  async function dispatch<N extends keyof C & string>(
    order: Order<C, N>,
    call: CallOptions = {},
  ): Promise<Receipt<N>> {
    const body = { ...order, id: order.id ?? newJobId() };
    const answer = await request({
      ...{ ...call, method: "POST", path: "/v1/jobs", body, isRepeatSafe: true },
    });
    return { ...(answer.body as Receipt), name: order.name };
  }

  /** Dispatches 1 to 1,000 jobs at once: a receipt or a refusal for each, in their order. */
  async function dispatchBatch(
    orders: readonly AnyOrder<C>[],
    call: CallOptions = {},
  ): Promise<readonly (Receipt | Refusal)[]> {
    const jobs = orders.map((order) => ({ ...order, id: order.id ?? newJobId() }));
    const answer = await request({
      ...{ ...call, method: "POST", path: "/v1/jobs/batch", body: { jobs }, isRepeatSafe: true },
    });
    const answers = (answer.body as { readonly jobs: readonly (Receipt | Refusal)[] }).jobs;
    return answers.map((each, at) =>
      "error" in each ? each : { ...each, name: jobs[at]?.name ?? "" },
    );
  }

  async function look(id: string, seconds: number, call: InQueue): Promise<AnyJob<C>> {
    const { queue, ...rest } = call;
    const answer = await request({
      ...rest,
      ...{ method: "GET", path: path(id), isRepeatSafe: true },
      query: { queue, wait: seconds === 0 ? undefined : seconds },
    });
    return answer.body as AnyJob<C>;
  }

  /** The job as it is now. */
  function get(id: string, call: InQueue = {}): Promise<AnyJob<C>> {
    return look(id, 0, call);
  }

  /**
   * Resolves to the job once it has ended, however that was. With the receipt of `dispatch` the result has its type.
   * `timeoutMs` bounds the wait; without it there is no end but the job's, or the signal's. The job goes on.
   */
  function wait<N extends keyof C & string>(
    job: Receipt<N>,
    call?: CallOptions,
  ): Promise<Ended<JobOf<C, N>>>;
  function wait(id: string, call?: InQueue): Promise<Ended<AnyJob<C>>>;
  async function wait(job: string | Receipt, call: InQueue = {}): Promise<Ended<AnyJob<C>>> {
    const id = typeof job === "string" ? job : job.id;
    const queue = typeof job === "string" ? call.queue : job.queue;
    const { signal, timeoutMs = Infinity } = call;
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const from = Date.now();
      const leftMs = Math.max(0, deadline - Date.now());
      const seconds = Math.min(longestWait, Math.ceil(leftMs) / 1_000);
      const found = await look(id, seconds, {
        ...(queue === undefined ? {} : { queue }),
        ...(signal === undefined ? {} : { signal }),
        timeoutMs: seconds * 1_000 + waitMarginMs,
      });
      if (terminalStates.some((state) => state === found.state)) return found as Ended<AnyJob<C>>;
      if (Date.now() < deadline) {
        // The function may answer before its time, such as when its stream from Redis ends.
        if (Date.now() - from < earlyMs) await sleep(earlyMs, signal);
        continue;
      }
      const detail = `expected the end of job ${id} within ${timeoutMs} ms; it is ${found.state}`;
      throw new SignalboxApiError("timed_out", detail, { job: found });
    }
  }

  /**
   * Dispatches one job and resolves to its result.
   * @throws SignalboxApiError `job_failed`, `job_cancelled` or `job_expired`, with the job; `timed_out`
   */
  async function run<N extends keyof C & string>(
    order: Order<C, N>,
    call: CallOptions = {},
  ): Promise<ResultOf<C[N]>> {
    const { timeoutMs = Infinity, signal } = call;
    const deadline = Date.now() + timeoutMs;
    const given = signal === undefined ? {} : { signal };
    const receipt = await dispatch(order, call);
    const leftMs = Math.max(0, deadline - Date.now());
    const limit = leftMs === Infinity ? {} : { timeoutMs: leftMs };
    const job = await wait<N>(receipt, { ...given, ...limit });
    if (job.state === "succeeded") return job.result as ResultOf<C[N]>;
    const code = `job_${job.state}` satisfies ClientErrorCode;
    const why = job.error === undefined ? "" : `: ${job.error.code}, ${job.error.message}`;
    throw new SignalboxApiError(code, `expected job ${job.id} to succeed${why}`, { job });
  }

  /** Asks for a job to be cancelled; may be asked again. */
  async function cancel(id: string, { queue, ...call }: InQueue = {}): Promise<Cancelled> {
    const target = { method: "POST", path: path(id, "/cancel"), query: { queue } } as const;
    return (await request({ ...call, ...target, isRepeatSafe: true })).body as Cancelled;
  }

  /**
   * Sends a failed, cancelled or expired job again, with all its attempts. Made once only: a repetition could come
   * after the job had failed anew, and send it a second time.
   */
  async function retry(id: string, { queue, ...call }: InQueue = {}): Promise<Resent> {
    const target = { method: "POST", path: path(id, "/resend"), query: { queue } } as const;
    return (await request({ ...call, ...target, isRepeatSafe: false })).body as Resent;
  }

  /** Deletes a job that has ended. */
  async function remove(id: string, { queue, ...call }: InQueue = {}): Promise<void> {
    const target = { method: "DELETE", path: path(id), query: { queue } } as const;
    await request({ ...call, ...target, isRepeatSafe: true });
  }

  /** All jobs that match, newest first; pages are fetched as the loop goes on. */
  function list(filter: ListFilter = {}, call: CallOptions = {}): AsyncGenerator<JobLine, void> {
    return paged<JobLine>(
      request,
      { path: "/v1/jobs", field: "jobs", filter: { ...filter } },
      call,
    );
  }

  /**
   * What happens to a job, as it happens: its states, the progress and log lines of its handler, and its end, the last.
   * Goes on over as many streams as it takes; `timeoutMs` is for the beginning of each.
   */
  function watch(id: string, call: InQueue = {}): AsyncGenerator<WatchEvent<AnyJob<C>>, void> {
    return watchJob<AnyJob<C>>(open, path(id, "/events"), call);
  }

  const nodes = {
    /** All nodes, and which are connected. */
    async list(call: CallOptions = {}): Promise<readonly NodeView[]> {
      const target = { method: "GET", path: "/v1/nodes", isRepeatSafe: true } as const;
      const { body } = await request({ ...call, ...target });
      return (body as { readonly nodes: readonly NodeView[] }).nodes;
    },
  };

  return {
    ...{
      dispatch,
      dispatchBatch,
      get,
      wait,
      run,
      watch,
      cancel,
      retry,
      delete: remove,
      list,
      nodes,
    },
    failed: createFailed(request),
    schedules: createSchedules<C>(request),
  };
}
