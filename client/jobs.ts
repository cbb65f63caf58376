/** The calls for jobs, but waiting for their end. */
import type * as api from "../protocol/api/jobs.ts";
import type { Cancelled, JobLine, Refusal, Resent } from "../protocol/api/jobs.ts";
import type { Catalog } from "../protocol/wire/catalog.ts";
import { newJobId } from "../protocol/wire/names.ts";
import type { Client, ListFilter } from "./calls.ts";
import type { AnyJob, AnyOrder, CallOptions, InQueue, Order, Receipt } from "./order.ts";
import { paged } from "./pages.ts";
import { listOf, objectOf, unexpected } from "./reply.ts";
import type { Request } from "./request.ts";

/** The path of a job, or of what is done with it. */
export function pathOf(id: string, action = ""): string {
  return `/v1/jobs/${encodeURIComponent(id)}${action}`;
}

/** Makes the calls. */
export function createJobs<C extends Catalog>(
  request: Request,
): Pick<Client<C>, "dispatch" | "dispatchBatch" | "get" | "cancel" | "retry" | "delete" | "list"> {
  async function dispatch<N extends keyof C & string>(
    order: Order<C, N>,
    call: CallOptions = {},
  ): Promise<Receipt<N>> {
    const { body } = await request({
      ...call,
      method: "POST",
      path: "/v1/jobs",
      body: withId(order),
      isRepeatSafe: true,
    });
    return { ...(objectOf(body) as api.Receipt), name: order.name };
  }

  async function dispatchBatch(
    orders: readonly AnyOrder<C>[],
    call: CallOptions = {},
  ): Promise<readonly (Receipt | Refusal)[]> {
    const jobs = orders.map(withId);
    const { body } = await request({
      ...call,
      method: "POST",
      path: "/v1/jobs/batch",
      body: { jobs },
      isRepeatSafe: true,
    });
    const answers = listOf(body, "jobs") as readonly (api.Receipt | Refusal)[];
    if (answers.length !== jobs.length) throw unexpected("an answer for each job");
    return jobs.flatMap(({ name }, at): readonly (Receipt | Refusal)[] => {
      const answer = answers[at];
      if (answer === undefined) return [];
      return ["error" in answer ? answer : { ...answer, name }];
    });
  }

  async function cancel(id: string, { queue, ...call }: InQueue = {}): Promise<Cancelled> {
    const target = { method: "POST", path: pathOf(id, "/cancel"), query: { queue } } as const;
    return objectOf((await request({ ...call, ...target, isRepeatSafe: true })).body) as Cancelled;
  }

  async function retry(id: string, { queue, ...call }: InQueue = {}): Promise<Resent> {
    const target = { method: "POST", path: pathOf(id, "/resend"), query: { queue } } as const;
    return objectOf((await request({ ...call, ...target, isRepeatSafe: false })).body) as Resent;
  }

  async function remove(id: string, { queue, ...call }: InQueue = {}): Promise<void> {
    const target = { method: "DELETE", path: pathOf(id), query: { queue } } as const;
    await request({ ...call, ...target, isRepeatSafe: true });
  }

  function list(filter: ListFilter = {}, call: CallOptions = {}): AsyncGenerator<JobLine, void> {
    const jobs = { path: "/v1/jobs", field: "jobs", filter: { ...filter } };
    return paged<JobLine>(request, jobs, call);
  }

  return {
    dispatch,
    dispatchBatch,
    get: (id, call = {}) => readJob<C>(request, id, call),
    cancel,
    retry,
    delete: remove,
    list,
  };
}

/** Reads a job; with `wait`, the function answers once it has ended, or after `wait` seconds. */
export async function readJob<C extends Catalog>(
  request: Request,
  id: string,
  { queue, wait, ...call }: InQueue & { readonly wait?: number },
): Promise<AnyJob<C>> {
  const target = { method: "GET", path: pathOf(id), query: { queue, wait } } as const;
  return objectOf((await request({ ...call, ...target, isRepeatSafe: true })).body) as AnyJob<C>;
}

/** Made before the first try: a dispatch whose answer was lost is repeated and makes one job. */
function withId<Ordered extends { readonly id?: string }>(
  order: Ordered,
): Ordered & { readonly id: string } {
  return { ...order, id: order.id ?? newJobId() };
}
