/** The script `lua/join.lua`: its arguments and what a join answers. */
import { joinLua } from "../lua/generated.ts";
import { oneOf } from "../redis/answers.ts";
import { list, number, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** What a join answers. `superseded`: another subscriber has taken the node since. */
export type Joined =
  | { readonly kind: "superseded" }
  | {
      readonly kind: "joined";
      /** Names this node's present incarnation. */
      readonly epoch: string;
      /** Positions (from 0) of the running attempts that have lost their lease. */
      readonly lost: readonly number[];
      /** Whether a client listens on the node's channel at the Redis that ran the script. */
      readonly isHeard: boolean;
    };

/**
 * List: lease members of the attempts that the node is running, or whose outcome it has yet to send.
 * `epoch` is `-` at the first join of a process. The `joined` message on the node's channel divides
 * what was sent to the former incarnation from what is sent to this one.
 */
export const join = defineScript(joinLua, (reply): Joined => {
  const [kind, epoch, lost, listeners] = list(reply);
  if (oneOf(kind, ["joined", "superseded"]) === "superseded") return { kind: "superseded" };
  return {
    kind: "joined",
    epoch: text(epoch),
    lost: list(lost).map(number),
    isHeard: number(listeners) > 0,
  };
});
