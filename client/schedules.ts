/** Schedules. */
import type { Catalog } from "../protocol/wire/catalog.ts";
import type { Json } from "../protocol/wire/json.ts";
import { newJobId } from "../protocol/wire/names.ts";
import type { CallOptions, InQueue, ScheduleOrder, ScheduleTimes, Time } from "./order.ts";
import { paged } from "./pages.ts";
import type { Call, Request } from "./request.ts";
import type { PutSchedule, ScheduleView } from "../protocol/api/jobs.ts";

/** Which schedules: of a queue, or those due by a time. */
export interface ScheduleFilter {
  readonly queue?: string;
  readonly until?: Time;
}

/** The calls for schedules. Each may be repeated, and is while no answer comes. */
export function createSchedules<C extends Catalog>(request: Request) {
  async function ask(
    sent: Pick<Call, "method" | "body" | "headers"> & {
      readonly id?: string;
      readonly action?: string;
    },
    { queue, ...call }: InQueue,
  ): Promise<unknown> {
    const { id, action, ...rest } = sent;
    const path = ["/v1/schedules", id, action]
      .flatMap((part) => (part === undefined ? [] : [part]))
      .map((part, at) => (at === 0 ? part : encodeURIComponent(part)))
      .join("/");
    return (await request({ ...call, ...rest, path, query: { queue }, isRepeatSafe: true })).body;
  }

  return {
    /** Makes it, or makes it what is given here; the same again changes nothing. */
    async put<N extends keyof C & string>(
      id: string,
      order: ScheduleOrder<C, N>,
      call: CallOptions = {},
    ): Promise<PutSchedule> {
      return (await ask({ method: "PUT", id, body: order }, call)) as PutSchedule;
    },

    /** All of it, with the next five times. */
    async get(id: string, call: InQueue = {}): Promise<ScheduleView> {
      return (await ask({ method: "GET", id }, call)) as ScheduleView;
    },

    /** All that match, by queue and id. */
    list(filter: ScheduleFilter = {}, call: CallOptions = {}): AsyncGenerator<ScheduleView, void> {
      const list = { path: "/v1/schedules", field: "schedules", filter: queryOf(filter) };
      return paged<ScheduleView>(request, list, call);
    },

    /** How many match. */
    async count(filter: ScheduleFilter = {}, call: CallOptions = {}): Promise<number> {
      const target = { method: "GET", path: "/v1/schedules/count", isRepeatSafe: true } as const;
      const { body } = await request({ ...call, ...target, query: queryOf(filter) });
      return (body as { readonly count: number }).count;
    },

    /** Whether it is there and has runs to come. */
    async isScheduled(id: string, call: InQueue = {}): Promise<boolean> {
      const body = await ask({ method: "GET", id, action: "scheduled" }, call);
      return (body as { readonly scheduled: boolean }).scheduled;
    },

    /** Whether there was one. Its runs stay. */
    async delete(id: string, call: InQueue = {}): Promise<boolean> {
      return ((await ask({ method: "DELETE", id }, call)) as { existed: boolean }).existed;
    },

    /** What passes until it is resumed is not made up for. */
    async pause(id: string, call: InQueue = {}): Promise<ScheduleView> {
      return (await ask({ method: "POST", id, action: "pause" }, call)) as ScheduleView;
    },

    /** Goes on from the present. */
    async resume(id: string, call: InQueue = {}): Promise<ScheduleView> {
      return (await ask({ method: "POST", id, action: "resume" }, call)) as ScheduleView;
    },

    /** Makes a run now, one however often it is repeated; resolves to the id of its job. */
    async run(id: string, call: InQueue = {}): Promise<string> {
      const headers = { "idempotency-key": newJobId().replaceAll("=", "") };
      const body = await ask({ method: "POST", id, action: "run", headers }, call);
      return (body as { readonly job: string }).job;
    },

    /** Moves the next run. */
    async moveNext(id: string, at: Time, call: InQueue = {}): Promise<ScheduleView> {
      return (await ask(
        { method: "POST", id, action: "next", body: { at } },
        call,
      )) as ScheduleView;
    },

    /** The last runs and their states, and times that were not run, and why; newest first. */
    async history(
      id: string,
      call: InQueue = {},
    ): Promise<readonly Readonly<Record<string, Json>>[]> {
      const body = await ask({ method: "GET", id, action: "history" }, call);
      return (body as { readonly history: readonly Readonly<Record<string, Json>>[] }).history;
    },

    /** The next `count` times of a rule, 10 if absent, after `from`; stores nothing. */
    async preview(
      times: ScheduleTimes & { readonly count?: number; readonly from?: Time },
      call: CallOptions = {},
    ): Promise<readonly string[]> {
      const body = await ask({ method: "POST", id: "preview", body: times }, call);
      return (body as { readonly times: readonly string[] }).times;
    },
  };
}

function queryOf({ queue, until }: ScheduleFilter) {
  return { queue, until: until instanceof Date ? until.toISOString() : until };
}
