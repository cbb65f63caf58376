/** Schedules: stored rules that make jobs. */
import type {
  Count,
  History,
  HistoryLine,
  IsScheduled,
  PutSchedule,
  RunMade,
  ScheduleDeleted,
  ScheduleLine,
  ScheduleView,
  Times,
} from "../protocol/api/schedules.ts";
import type { Catalog } from "../protocol/wire/catalog.ts";
import { newJobId } from "../protocol/wire/names.ts";
import type { CallOptions, InQueue, ScheduleOrder, ScheduleTimes, Time } from "./order.ts";
import { paged } from "./pages.ts";
import { objectOf } from "./reply.ts";
import type { Call, Request } from "./request.ts";

/**
 * Which schedules: of a queue, or those due by a time.
 * @example const due = await client.schedules.count({ queue: "mail", until: new Date(Date.now() + 3_600_000) });
 */
export interface ScheduleFilter {
  readonly queue?: string;
  readonly until?: Time;
}

/**
 * The calls for schedules. Each is repeat-safe, and is repeated while no answer comes.
 * @example const schedules: ScheduleCalls<typeof catalog> = client.schedules;
 */
export interface ScheduleCalls<C extends Catalog> {
  /** Makes a schedule, or replaces it; the same again changes nothing. */
  put<N extends keyof C & string>(
    id: string,
    order: ScheduleOrder<C, N>,
    call?: CallOptions,
  ): Promise<PutSchedule>;
  /** All of it, with the next five times. @throws SignalboxApiError `not_found` */
  get(id: string, call?: InQueue): Promise<ScheduleView>;
  /** All that match, by queue and id; pages are fetched as the loop goes on. */
  list(filter?: ScheduleFilter, call?: CallOptions): AsyncGenerator<ScheduleLine, void>;
  /** How many match. */
  count(filter?: ScheduleFilter, call?: CallOptions): Promise<number>;
  /** Whether it exists and has runs to come; false for one that does not exist. */
  isScheduled(id: string, call?: InQueue): Promise<boolean>;
  /** Deletes it; resolves to whether it existed. Its runs stay. */
  delete(id: string, call?: InQueue): Promise<boolean>;
  /** Makes no runs until it is resumed; times that pass meanwhile are not made up for. */
  pause(id: string, call?: InQueue): Promise<ScheduleView>;
  /** Goes on from the present. */
  resume(id: string, call?: InQueue): Promise<ScheduleView>;
  /** Makes a run now, one however often the request is repeated; resolves to the id of its job. */
  run(id: string, call?: InQueue): Promise<string>;
  /** Moves the next run. */
  moveNext(id: string, at: Time, call?: InQueue): Promise<ScheduleView>;
  /** The last runs and their states, and times that were not run, and why; newest first. */
  history(id: string, call?: InQueue): Promise<readonly HistoryLine[]>;
  /** The next `count` times of a rule, 1 to 100, after `from` (now if absent); stores nothing. @default 10 times */
  preview(
    times: ScheduleTimes & { readonly count?: number; readonly from?: Time },
    call?: CallOptions,
  ): Promise<readonly string[]>;
}

/** One request for schedules. */
interface Ask extends Pick<Call, "method" | "body" | "headers"> {
  readonly id?: string;
  readonly action?: string;
}

/** Makes the calls. */
export function createSchedules<C extends Catalog>(request: Request): ScheduleCalls<C> {
  async function ask({ id, action, ...sent }: Ask, { queue, ...call }: InQueue): Promise<object> {
    const parts = [id, action].flatMap((part) =>
      part === undefined ? [] : [encodeURIComponent(part)],
    );
    const path = ["/v1/schedules", ...parts].join("/");
    const { body } = await request({
      ...call,
      ...sent,
      path,
      query: { queue },
      isRepeatSafe: true,
    });
    return objectOf(body);
  }
  /** Asks for what is answered with the schedule. */
  async function askView(sent: Ask, call: InQueue): Promise<ScheduleView> {
    return (await ask(sent, call)) as ScheduleView;
  }

  return {
    async put(id, order, call = {}) {
      return (await ask({ method: "PUT", id, body: order }, call)) as PutSchedule;
    },
    get: (id, call = {}) => askView({ method: "GET", id }, call),
    list(filter = {}, call = {}) {
      const list = { path: "/v1/schedules", field: "schedules", filter: queryOf(filter) };
      return paged<ScheduleLine>(request, list, call);
    },
    async count(filter = {}, call = {}) {
      const { body } = await request({
        ...call,
        method: "GET",
        path: "/v1/schedules/count",
        query: queryOf(filter),
        isRepeatSafe: true,
      });
      return (objectOf(body) as Count).count;
    },
    async isScheduled(id, call = {}) {
      return ((await ask({ method: "GET", id, action: "scheduled" }, call)) as IsScheduled)
        .scheduled;
    },
    async delete(id, call = {}) {
      return ((await ask({ method: "DELETE", id }, call)) as ScheduleDeleted).existed;
    },
    pause: (id, call = {}) => askView({ method: "POST", id, action: "pause" }, call),
    resume: (id, call = {}) => askView({ method: "POST", id, action: "resume" }, call),
    async run(id, call = {}) {
      const headers = { "idempotency-key": newJobId().replaceAll("=", "") };
      return ((await ask({ method: "POST", id, action: "run", headers }, call)) as RunMade).job;
    },
    moveNext: (id, at, call = {}) =>
      askView({ method: "POST", id, action: "next", body: { at } }, call),
    async history(id, call = {}) {
      return ((await ask({ method: "GET", id, action: "history" }, call)) as History).history;
    },
    async preview(times, call = {}) {
      return ((await ask({ method: "POST", id: "preview", body: times }, call)) as Times).times;
    },
  };
}

function queryOf({ queue, until }: ScheduleFilter) {
  return { queue, until: until instanceof Date ? until.toISOString() : until };
}
