/**
 * Forgets finished jobs: those that finished longer ago than the retention, and the oldest beyond
 * the count; failed jobs by bounds of their own. Works from the oldest index entry on; what is still alive there is listed anew.
 */
import { pruneLua } from "../lua/generated.ts";
import { list, number } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** What `retire` did. */
export interface Pruned {
  readonly forgotten: number;
  /** Whether another call would find more. */
  readonly more: boolean;
}

/**
 * Handles about 3,000 jobs a call. Drops outbox entries older than `outbox_ms`, and the seats of nodes that
 * are as long gone.
 */
export const prune = defineScript(pruneLua, (reply): Pruned => {
  const [forgotten, more] = list(reply).map(number);
  return { forgotten: forgotten ?? 0, more: more === 1 };
});
