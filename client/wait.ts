/** Waiting for the end of a job, over as many requests as it takes. */
import type { Ended } from "../protocol/api/jobs.ts";
import type { Catalog, ResultOf } from "../protocol/wire/catalog.ts";
import { terminalStates } from "../protocol/wire/job.ts";
import { omitUndefined } from "../protocol/wire/omit-undefined.ts";
import { showValue } from "../protocol/wire/whole.ts";
import type { Client } from "./calls.ts";
import { type ClientErrorCode, SignalboxApiError } from "./error.ts";
import { readJob } from "./jobs.ts";
import type { AnyJob, CallOptions, InQueue, JobOf, Order, Receipt } from "./order.ts";
import { type Request, sleep } from "./request.ts";

/** The longest that the function waits in one request, in seconds. */
const longestWait = 25;
/** Added to the wait for the way there and back, in milliseconds. */
const waitMarginMs = 15_000;
/** An answer that comes sooner, without the end, may come again as soon; in milliseconds. */
const earlyMs = 500;

/** Makes the calls that wait; `dispatch` is what `run` begins with. */
export function createWaits<C extends Catalog>(
  request: Request,
  dispatch: Client<C>["dispatch"],
): Pick<Client<C>, "wait" | "run"> {
  function wait<N extends keyof C & string>(
    job: Receipt<N>,
    call?: CallOptions,
  ): Promise<Ended<JobOf<C, N>>>;
  function wait(id: string, call?: InQueue): Promise<Ended<AnyJob<C>>>;
  async function wait(job: string | Receipt, call: InQueue = {}): Promise<Ended<AnyJob<C>>> {
    const id = typeof job === "string" ? job : job.id;
    const queue = typeof job === "string" ? call.queue : job.queue;
    const { signal, timeoutMs = Infinity } = call;
    if (typeof timeoutMs !== "number" || !(timeoutMs >= 0)) {
      const detail = `timeoutMs: expected a number of milliseconds from 0, or Infinity, got ${showValue(timeoutMs)}`;
      throw new SignalboxApiError("invalid_request", detail);
    }
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const from = Date.now();
      const leftMs = Math.max(0, deadline - from);
      const seconds = Math.min(longestWait, Math.ceil(leftMs) / 1_000);
      const found = await readJob<C>(request, id, {
        ...omitUndefined({ queue, signal, wait: seconds === 0 ? undefined : seconds }),
        timeoutMs: seconds * 1_000 + waitMarginMs,
      });
      if (hasEnded(found)) return found;
      if (Date.now() < deadline) {
        // The function may answer early, such as when its stream from Redis ends.
        if (Date.now() - from < earlyMs) await sleep(earlyMs, signal);
        continue;
      }
      const detail = `expected the end of job ${id} within ${timeoutMs} ms; it is ${found.state}`;
      throw new SignalboxApiError("timed_out", detail, { job: found });
    }
  }

  async function run<N extends keyof C & string>(
    order: Order<C, N>,
    call: CallOptions = {},
  ): Promise<ResultOf<C[N]>> {
    const { timeoutMs = Infinity, signal } = call;
    const deadline = Date.now() + timeoutMs;
    const receipt = await dispatch(order, call);
    const leftMs = Math.max(0, deadline - Date.now());
    const limit = leftMs === Infinity ? undefined : leftMs;
    const job = await wait<N>(receipt, omitUndefined({ signal, timeoutMs: limit }));
    if (job.state === "succeeded") return job.result as ResultOf<C[N]>;
    const code = `job_${job.state}` satisfies ClientErrorCode;
    const why = job.error === undefined ? "" : `: ${job.error.code}, ${job.error.message}`;
    throw new SignalboxApiError(code, `expected job ${job.id} to succeed${why}`, { job });
  }

  return { wait, run };
}

function hasEnded<C extends Catalog>(job: AnyJob<C>): job is Ended<AnyJob<C>> {
  return terminalStates.some((state) => state === job.state);
}
