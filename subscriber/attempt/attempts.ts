/** The attempts that this process runs, or whose outcome it has yet to send. */
import type { Envelope } from "../../protocol/wire/messages.ts";
import type { AttemptName } from "../events.ts";
import { type Guard, noGuard } from "../guard/guard.ts";
import type { Assignment } from "../membership/assignment.ts";
import type { AbortCause } from "./runner.ts";

/**
 * One attempt. It is in the table from its start until the ledger has answered for its outcome. Made in one place, with
 * all fields in one order, so that all attempts share one hidden class in V8.
 */
export interface Attempt {
  readonly envelope: Envelope;
  readonly assignment: Assignment;
  /** Its lease, as the ledger names it. */
  readonly member: string;
  /** Aborts the handler's signal and ends the attempt immediately; see `Run`. Call it by `stopAttempt`. */
  readonly abort: (cause: AbortCause) => void;
  /** In milliseconds of `performance.now()`. */
  readonly startedAt: number;
  /** Its place in the guard's table; see `Guard`. */
  readonly place: number;
  /** Why it was aborted, if it was. */
  cause: AbortCause | undefined;
  /** When the lease must next be renewed, in milliseconds of `performance.now()`. */
  renewAt: number;
  /** Whether the handler has ended, or is no longer waited for. */
  hasEnded: boolean;
}

/** See `createAttempts`. An attempt is named by its queue and its lease member. */
export interface Attempts {
  /** How many there are. */
  readonly size: number;
  /** Whether the attempt is in the table, or was removed while `remember` applies: then it must not start. */
  has(queue: string, member: string): boolean;
  add(attempt: Attempt): void;
  find(queue: string, member: string): Attempt | undefined;
  /** Takes it out and answers it; `undefined` if it is not there. Repeat-safe. */
  remove(queue: string, member: string): Attempt | undefined;
  /**
   * Remembers what is removed until `forget` is called. A join that Redis runs before a `finish` that is under way
   * finds the lease still there, and has the delivery sent again: it can arrive when the attempt is settled.
   */
  remember(): { readonly forget: () => void };
  /** The attempts of one assignment, or all. */
  list(assignment?: Assignment): readonly Attempt[];
  /** Resolves when nothing runs and no outcome is left to send. */
  empty(): Promise<void>;
}

/**
 * Creates the table. A delivery that arrives twice (by message and by rejoin) is found in it.
 * @param guard is told of each attempt that is removed. @default none
 */
export function createAttempts(guard: Pick<Guard, "release"> = noGuard): Attempts {
  /**
   * Each value can be emptied: V8 keeps the tables that a Map has outgrown reachable from one another, and with them
   * what they held. Attempts would outlive their time and make a fifth of the work the garbage collector's.
   */
  const table = new Map<string, { attempt: Attempt | undefined }>();
  const whenEmpty = new Set<() => void>();
  /** The keys that `remember` keeps. */
  const settled = new Set<string>();
  let remembering = 0;
  const keyOf = (queue: string, member: string) => `${queue} ${member}`;

  return {
    get size() {
      return table.size;
    },
    has(queue, member) {
      const key = keyOf(queue, member);
      return table.has(key) || settled.has(key);
    },
    add(attempt) {
      table.set(keyOf(attempt.envelope.queue, attempt.member), { attempt });
    },
    find(queue, member) {
      return table.get(keyOf(queue, member))?.attempt;
    },
    remove(queue, member) {
      const key = keyOf(queue, member);
      const entry = table.get(key);
      const attempt = entry?.attempt;
      if (entry !== undefined) entry.attempt = undefined;
      if (attempt !== undefined) guard.release(attempt.place);
      table.delete(key);
      if (remembering > 0) settled.add(key);
      if (table.size === 0) {
        for (const resolve of whenEmpty) resolve();
        whenEmpty.clear();
      }
      return attempt;
    },
    remember() {
      remembering++;
      return {
        forget: () => {
          remembering--;
          if (remembering === 0) settled.clear();
        },
      };
    },
    list(assignment) {
      const all = [...table.values()].flatMap(({ attempt }) => attempt ?? []);
      return assignment === undefined
        ? all
        : all.filter((attempt) => attempt.assignment === assignment);
    },
    empty() {
      if (table.size === 0) return Promise.resolve();
      return new Promise((resolve) => whenEmpty.add(resolve));
    },
  };
}

/** An attempt as events name it. */
export function nameOf({ id, name, queue, node, attempt }: Envelope): AttemptName {
  return { id, name, queue, node, attempt };
}
