/** The script `lua/resend.lua`: its arguments and its answers. */
import { resendLua } from "../lua/generated.ts";
import { oneOf } from "../redis/answers.ts";
import { list } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

const answers = ["resent", "alive", "stopping", "succeeded", "unknown"] as const;

/**
 * - `resent`: it had failed, expired or been cancelled, and is new again.
 * - `alive`: it is delayed, queued or running, perhaps because it has just been resent.
 * - `stopping`: it is running, and has been asked to stop.
 * - `succeeded`: it is not resent. `unknown`: no such job.
 */
export type Resent = (typeof answers)[number];

/** List: ids. `only` is the state that a job must have ended in, or `-`; others answer as `alive`. */
export const resend = defineScript(resendLua, (reply): readonly Resent[] =>
  list(reply).map((each) => oneOf(each, answers)),
);
