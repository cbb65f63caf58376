/** `signalbox/client`: the HTTP API for programs, typed by a catalogue. */
export { createClient, type Client, type ListFilter } from "./client.ts";
export {
  SignalboxApiError,
  type ClientErrorCode,
  type ErrorDetails,
  type FieldProblem,
} from "./error.ts";
export type { DoneToFailed, FailedFilter, FailedSelection } from "./failed.ts";
export type * from "./order.ts";
export type { ClientOptions } from "./request.ts";
export type { ScheduleFilter } from "./schedules.ts";
export type * from "../protocol/api/jobs.ts";
export type { WatchEvent } from "./watch.ts";
