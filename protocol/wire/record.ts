/**
 * Reads back the records that scripts write to the ledger (formats: `lua/shared/record.lua` and `docs/protocol.md`).
 * A record of another shape throws: it means that two versions of Signalbox share one Redis.
 */
import { SignalboxError } from "../error.ts";
import { type JobState, type TerminalState, terminalStates } from "./job.ts";
import type { Failure } from "./messages.ts";

/** A job as the ledger holds it. */
export interface Stored {
  readonly state: JobState;
  /** Stream id given when the job was accepted: `<ms>-<n>`, by Redis's clock. */
  readonly accepted: string;
  /** How many times the job was assigned to a node, whether or not the node acknowledged it. */
  readonly deliveries: number;
  /** Attempts that ended without ending the job; at most the `attempts` that the job's body allows. */
  readonly attemptsUsed: number;
  /** By when it must have been started, in milliseconds since 1970. */
  readonly deadlineMs: number | null;
  /** Where it runs, or ran last. */
  readonly node: string | null;
  /** The only node that may run it. */
  readonly target: string | null;
  readonly name: string;
  /** The options and payload, as JSON text without its opening `{`; see `encodeBody`. */
  readonly body: string;
  /** Failures of the attempts that did not end the job, latest first, at most ten. */
  readonly errors: readonly AttemptError[];
  /** Set once the job has ended. */
  readonly ended?: Ended;
}

/** How an earlier attempt failed. */
export interface AttemptError {
  readonly attempt: number;
  readonly node: string;
  /** Milliseconds since 1970, by Redis's clock. */
  readonly at: number;
  readonly error: Failure;
}

/** How a job ended. */
export interface Ended {
  readonly state: TerminalState;
  /** The outbox entry that first held the result: `<ms>-<n>`, the time it finished. */
  readonly entry: string;
  /** Token of the delivery that ended the job. */
  readonly token: string;
  readonly node: string | null;
  /** The result message, JSON text. */
  readonly text: string;
  /** Whether the function has recorded the result. */
  readonly recorded: boolean;
}

/** The letter in a record's head → the state it stands for. */
export const phases: Readonly<Record<string, JobState>> = {
  D: "delayed",
  Q: "queued",
  R: "running",
  C: "running", // and asked to stop
  E: "cancelled", // ended without a node's report; the result record says how
};

/**
 * Reads a job's record, or only its head (then `body` is empty).
 * @throws SignalboxError `reply_unexpected`
 */
export function parseRecord(text: string): Stored {
  const [head, body] = cut(text);
  const [phase, accepted, deliveries, attempts, deadline, node, target, name] = head.split(" ");
  const state = phase === undefined ? undefined : phases[phase];
  if (state === undefined || accepted === undefined || name === undefined) throw unreadable(head);
  const count = (digits: string | undefined): number => {
    const value = Number(digits);
    if (Number.isNaN(value)) throw unreadable(head);
    return value;
  };
  return {
    state,
    accepted,
    deliveries: count(deliveries),
    attemptsUsed: count(attempts),
    deadlineMs: deadline === "-" ? null : count(deadline),
    node: word(node),
    target: word(target),
    name,
    body,
    errors: [],
  };
}

/**
 * Reads the record of a job's result, or only its head (then `text` is empty).
 * @throws SignalboxError `reply_unexpected`
 */
export function parseResultRecord(text: string): Omit<Ended, "recorded"> {
  const [head, result] = cut(text);
  const [state, stood, token, node] = head.split(" ");
  // `<entry>/<entry now>` where the result was moved within the outbox.
  const [entry] = stood?.split("/") ?? [];
  const known = terminalStates.find((each) => each === state);
  if (known === undefined || entry === undefined || token === undefined) throw unreadable(head);
  return { state: known, entry, token, node: word(node), text: result };
}

/**
 * Reads the lines that `remember_error` wrote. Skips a line that is not JSON: it holds a failure as a subscriber
 * sent it, and one bad report must not make the whole job unreadable.
 */
export function parseErrors(lines: string): readonly AttemptError[] {
  return lines
    .split("\n")
    .filter(Boolean)
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as AttemptError];
      } catch {
        return [];
      }
    });
}

/** The milliseconds since 1970 of a stream id. */
export function stampMs(stamp: string): number {
  return Number(stamp.slice(0, stamp.indexOf("-")));
}

/** Head and rest of a record. */
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
