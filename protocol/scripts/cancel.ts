/** The script `lua/cancel.lua`: what it answers. */
import { cancelLua } from "../lua/generated.ts";
import { oneOf } from "../redis/answers.ts";
import { list, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/**
 * - `cancelled`: it was waiting, and will not run.
 * - `stopping`: it is running; its node has been asked to stop it, and it will not run again.
 * - `ended`: too late; `state` says how.
 * - `unknown`: no such job.
 */
export type Cancelled =
  | { readonly kind: "cancelled" | "stopping" | "unknown" }
  | { readonly kind: "ended"; readonly state: string };

/** All subscribers are asked, on the control channel. A foreign node does not listen there: its result, if any, is kept. */
export const cancel = defineScript(cancelLua, (reply): Cancelled => {
  const [kind, state] = list(reply);
  const found = oneOf(kind, ["cancelled", "stopping", "ended", "unknown"]);
  return found === "ended" ? { kind: found, state: text(state) } : { kind: found };
});
