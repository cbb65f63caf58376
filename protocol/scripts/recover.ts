/**
 * Gives out again the jobs whose lease has ended, and takes their nodes out of the running. An
 * attempt that was heard of counts against the job's attempts; one that never was does not.
 */
import { recoverLua } from "../lua/generated.ts";
import { list, number } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** What `expire` did. */
export interface Recovered {
  /** Jobs given out again. */
  readonly again: number;
  /** Jobs ended: out of attempts, or cancelled while they ran. */
  readonly ended: number;
  /** Until the next lease ends, in milliseconds; 0 if more are due now, null if none is held. */
  readonly nextInMs: number | null;
}

/**
 * Handles at most `limit` leases a call. A node that let a lease end is dead, cut off or stuck: it gets
 * no more jobs until it joins again, which the `rejoin` message asks it to, in case it lives.
 */
export const recover = defineScript(recoverLua, (reply): Recovered => {
  const [again, ended, wait] = list(reply).map(number);
  return { again: again ?? 0, ended: ended ?? 0, nextInMs: waitOf(wait) };
});

function waitOf(wait: number | undefined): number | null {
  return wait === undefined || wait < 0 ? null : wait;
}
