/** Entry `signalbox/protocol`: the catalogue, and the types that function, subscriber and client share. */
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
} from "./wire/catalog.ts";
export type { Failure, ResultMessage } from "./wire/messages.ts";
export { SignalboxError, type ErrorCode } from "./error.ts";
export {
  jobStates,
  terminalStates,
  type Backoff,
  type JobState,
  type TerminalState,
} from "./wire/job.ts";
export type { Json } from "./wire/json.ts";
export { sign, verify } from "./signing/webhook.ts";
export { importSigningKeys, type SigningKey, type SigningKeys } from "./signing/keys.ts";
