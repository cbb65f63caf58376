/** `@signalbox-dev/signalbox/functions`: what a Worker imports. */
export type { ResultMessage } from "../protocol/wire/messages.ts";
export { declare, type DeclaredFor, type DeclaredSchedule } from "./schedules/declare.ts";
export { createSignalbox, type Signalbox, type SignalboxOptions } from "./signalbox.ts";
