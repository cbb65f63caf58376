/** `signalbox/protocol`: the catalogue, and the types that function, subscriber and client share. */
export {
  defineCatalog,
  type Catalog,
  type Handlers,
  type InputOf,
  type JobDefinition,
  type JobLog,
  type PayloadOf,
  type ResultOf,
  type RunContext,
  type ScheduledRun,
  type Schema,
} from "./catalog.ts";
export type { Failure, ResultMessage } from "./codec.ts";
export { SignalboxError, type ErrorCode } from "./error.ts";
export {
  jobStates,
  terminalStates,
  type Backoff,
  type JobState,
  type TerminalState,
} from "./job.ts";
export type { Json } from "./json.ts";
export { sign, verify } from "./signature.ts";
export { importSigningKeys, type SigningKey, type SigningKeys } from "./signing-keys.ts";
