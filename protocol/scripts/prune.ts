/** The script `lua/prune.lua`: what it answers. */
import { pruneLua } from "../lua/generated.ts";
import { list, number } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** What a call did. */
export interface Pruned {
  readonly forgotten: number;
  /** Whether another call would find more. */
  readonly more: boolean;
}

/**
 * Handles about 3,000 jobs a call. Drops outbox entries older than `outbox_ms`, and the rows of nodes that have been gone
 * as long.
 */
export const prune = defineScript(pruneLua, (reply): Pruned => {
  const [forgotten, more] = list(reply);
  return { forgotten: number(forgotten), more: number(more) === 1 };
});
