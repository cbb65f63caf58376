/** Sends ended jobs again as if they were new, with their ids and all their attempts. */
import { resendLua } from "../lua/generated.ts";
import { list, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/**
 * - `resent`: it had failed, expired or been cancelled, and is as new.
 * - `alive`: it is delayed, queued or running, perhaps because it has just been sent again.
 * - `stopping`: it runs, and has been asked to stop.
 * - `succeeded`: not sent again. `unknown`: no such job.
 */
export type Resent = "resent" | "alive" | "stopping" | "succeeded" | "unknown";

/** List: ids. `only` is the state that a job must have ended in, or `-`; others answer as `alive`. */
export const resend = defineScript(resendLua, (reply): readonly Resent[] =>
  list(reply).map((each) => text(each) as Resent),
);
