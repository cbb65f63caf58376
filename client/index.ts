/** `@signalbox-dev/signalbox/client`: the HTTP API for programs, typed by a catalogue. */
export type { FailedLine, SkippedJob } from "../protocol/api/failed.ts";
export type {
  Cancelled,
  EarlierError,
  Ended,
  JobLine,
  Refusal,
  Resent,
  RunView,
} from "../protocol/api/jobs.ts";
export type { NodeView } from "../protocol/api/nodes.ts";
export type {
  HistoryLine,
  PutSchedule,
  RanLine,
  ScheduleLine,
  ScheduleView,
  SkippedLine,
} from "../protocol/api/schedules.ts";
export type { Client, ListFilter, NodeCalls } from "./calls.ts";
export { createClient } from "./client.ts";
export {
  type ClientErrorCode,
  type ErrorDetails,
  type FieldProblem,
  SignalboxApiError,
} from "./error.ts";
export type { DoneToFailed, FailedCalls, FailedFilter, FailedSelection } from "./failed.ts";
export type * from "./order.ts";
export type { ClientOptions } from "./request.ts";
export type { ScheduleCalls, ScheduleFilter } from "./schedules.ts";
export type { WatchEvent } from "./watch.ts";
