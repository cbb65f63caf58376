/** The records that scripts write (see `scripts/lua/record.ts` and `docs/protocol.md`), read back. */
import { SignalboxError } from "./error.ts";
import { terminalStates, type JobState, type TerminalState } from "./job.ts";

/** A job as the ledger holds it. */
export interface Stored {
  readonly state: JobState;
  /** Stream id given when the job was accepted: `<ms>-<n>`, by Redis's clock. */
  readonly accepted: string;
  readonly deliveries: number;
  /** Attempts that ended without ending the job. */
  readonly attempts: number;
  /** Where it runs, or ran last. */
  readonly node: string | null;
  /** The only node that may run it. */
  readonly target: string | null;
  readonly name: string;
  /** The options and payload, as JSON text without its opening `{`; see `encodeBody`. */
  readonly body: string;
  readonly ended?: Ended;
}

/** How a job ended. */
export interface Ended {
  readonly state: TerminalState;
  /** The outbox entry that held the result: `<ms>-<n>`, the time it finished. */
  readonly entry: string;
  readonly token: string;
  readonly node: string | null;
  /** The result message, JSON text. */
  readonly text: string;
  /** Whether the function has recorded it. */
  readonly recorded: boolean;
}

const phases: Readonly<Record<string, JobState>> = { Q: "queued", R: "running" };

/** @throws SignalboxError `reply_unexpected` */
export function parseRecord(text: string): Stored {
  const [head, body] = cut(text);
  const [phase, accepted, deliveries, attempts, node, target, name] = head.split(" ");
  const state = phase === undefined ? undefined : phases[phase];
  if (state === undefined || accepted === undefined || name === undefined) throw unreadable(head);
  return {
    state,
    accepted,
    deliveries: Number(deliveries),
    attempts: Number(attempts),
    node: word(node),
    target: word(target),
    name,
    body,
  };
}

/** @throws SignalboxError `reply_unexpected` */
export function parseResultRecord(text: string): Omit<Ended, "recorded"> {
  const [head, result] = cut(text);
  const [state, entry, token, node] = head.split(" ");
  const known = terminalStates.find((each) => each === state);
  if (known === undefined || entry === undefined || token === undefined) throw unreadable(head);
  return { state: known, entry, token, node: word(node), text: result };
}

/** The milliseconds since 1970 of a stream id. */
export function stampMs(stamp: string): number {
  return Number(stamp.slice(0, stamp.indexOf("-")));
}

function cut(text: string): [string, string] {
  const at = text.indexOf("\n");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function word(value: string | undefined): string | null {
  return value === undefined || value === "-" ? null : value;
}

function unreadable(head: string): SignalboxError {
  return new SignalboxError(
    "reply_unexpected",
    `expected a ledger record, got one that starts ${JSON.stringify(head.slice(0, 40))}; ` +
      "function and subscriber must run the same version of Signalbox",
  );
}
