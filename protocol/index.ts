/** Entry `@signalbox-dev/signalbox/protocol`: the catalogue, and the types that function, subscriber and client share. */
export { type ErrorCode, SignalboxError } from "./error.ts";
export { importSigningKeys, type SigningKey, type SigningKeys } from "./signing/keys.ts";
export { sign, verify } from "./signing/webhook.ts";
export {
  type Catalog,
  defineCatalog,
  type Handlers,
  type InputOf,
  type JobDefinition,
  type JobLog,
  type LogCall,
  type PayloadOf,
  type ResultOf,
  type RunContext,
  type ScheduledRun,
  type Schema,
} from "./wire/catalog.ts";
export {
  type Backoff,
  type JobState,
  jobStates,
  type TerminalState,
  terminalStates,
} from "./wire/job.ts";
export type { Json } from "./wire/json.ts";
export type { Failure, ResultMessage } from "./wire/messages.ts";
