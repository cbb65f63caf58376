/** The script `lua/recover.lua`: what it answers. */
import { recoverLua } from "../lua/generated.ts";
import { waitMs } from "../redis/answers.ts";
import { list, number } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** What a call did. */
export interface Recovered {
  /** Jobs sent again, or left to wait. */
  readonly again: number;
  /** Jobs ended: out of attempts, or cancelled while they ran. */
  readonly ended: number;
  /** Until the next lease ends, in milliseconds; 0 if more are due now, null if none is held. */
  readonly nextInMs: number | null;
}

/**
 * Handles at most `limit` leases a call. A node that let a lease end is dead, cut off or stuck: it gets
 * no more jobs until it joins again, which the `rejoin` message asks it to do in case it lives.
 */
export const recover = defineScript(recoverLua, (reply): Recovered => {
  const [again, ended, wait] = list(reply);
  return { again: number(again), ended: number(ended), nextInMs: waitMs(wait) };
});
