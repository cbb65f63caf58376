/** Cancels a job: at once where it waits, by asking its node where it runs. */
import { cancelLua } from "../lua/generated.ts";
import { list, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/**
 * - `cancelled`: it waited, and will not run.
 * - `stopping`: it runs; its node has been asked to stop it, and it will not be run again.
 * - `ended`: too late; `state` says how.
 * - `unknown`: no such job.
 */
export type Cancelled =
  | { readonly kind: "cancelled" | "stopping" | "unknown" }
  | { readonly kind: "ended"; readonly state: string };

/** All subscribers are asked, on the control channel. A foreign node is not: its result, if any, is kept. */
export const cancel = defineScript(cancelLua, (reply): Cancelled => {
  const [kind, state] = list(reply);
  const found = text(kind);
  if (found === "ended") return { kind: "ended", state: text(state) };
  return { kind: found === "cancelled" || found === "stopping" ? found : "unknown" };
});
