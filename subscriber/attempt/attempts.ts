/** The attempts that this process runs, or whose outcome it has yet to send. */
import type { Envelope } from "../../protocol/wire/messages.ts";
import type { AbortCause } from "./runner.ts";
import type { Assignment } from "../membership/assignment.ts";

/** One attempt. It is here from its start until its outcome has been answered for. */
export interface Attempt {
  readonly envelope: Envelope;
  readonly assignment: Assignment;
  /** Its lease, as the ledger names it. */
  readonly member: string;
  /** Tells its handler to stop; the attempt ends at once. */
  readonly abort: (cause: AbortCause) => void;
  /** Why it was aborted, if it was. */
  cause: AbortCause | undefined;
  /** When the lease must next be renewed, in milliseconds of `performance.now()`. */
  renewAt: number;
  /** Whether the handler has ended or been given up. */
  hasEnded: boolean;
}

/** See `createAttempts`. */
export type Attempts = ReturnType<typeof createAttempts>;

/** Creates the table. A delivery that comes twice (by message and by rejoin) is found here. */
export function createAttempts() {
  /**
   * Each value can be emptied: V8 keeps the tables that a Map has outgrown reachable from one another, and with them
   * what they held. Attempts would outlive their time and make a fifth of the work the garbage collector's.
   */
  const table = new Map<string, { attempt: Attempt | undefined }>();
  const whenEmpty = new Set<() => void>();
  /** Kept while a join is under way, and for a while after: see `remember`. */
  const settled = new Set<string>();
  let remembering = 0;
  const keyOf = (queue: string, member: string) => `${queue} ${member}`;

  return {
    get size() {
      return table.size;
    },
    has(queue: string, member: string): boolean {
      const key = keyOf(queue, member);
      return table.has(key) || settled.has(key);
    },
    add(attempt: Attempt): void {
      table.set(keyOf(attempt.envelope.queue, attempt.member), { attempt });
    },
    find(queue: string, member: string): Attempt | undefined {
      return table.get(keyOf(queue, member))?.attempt;
    },
    remove(queue: string, member: string): Attempt | undefined {
      const key = keyOf(queue, member);
      const entry = table.get(key);
      const attempt = entry?.attempt;
      if (entry !== undefined) entry.attempt = undefined;
      table.delete(key);
      if (remembering > 0) settled.add(key);
      if (table.size === 0) {
        for (const resolve of whenEmpty) resolve();
        whenEmpty.clear();
      }
      return attempt;
    },
    /**
     * Remembers what is removed until `forget` is called. A join that Redis runs before a `finish` that is
     * under way finds the lease still there, and has the delivery sent again: it can come when the
     * attempt is settled.
     */
    remember(): { readonly forget: () => void } {
      remembering++;
      return {
        forget: () => {
          remembering--;
          if (remembering === 0) settled.clear();
        },
      };
    },
    /** Those of one assignment, or all. */
    list(assignment?: Assignment): readonly Attempt[] {
      const all = [...table.values()].flatMap(({ attempt }) => attempt ?? []);
      return assignment === undefined
        ? all
        : all.filter((attempt) => attempt.assignment === assignment);
    },
    /** Resolves when nothing runs and no outcome is left to send. */
    empty(): Promise<void> {
      if (table.size === 0) return Promise.resolve();
      return new Promise((resolve) => whenEmpty.add(resolve));
    },
  };
}
