/** Cancels a job: at once where it waits, by asking its node where it runs. */
import { defineScript } from "../redis/script.ts";
import { clockLua } from "./lua/clock.ts";
import { cancelLua } from "./lua/cancel.ts";
import { endLua } from "./lua/end.ts";
import { endingArgs, endingKeys } from "./lua/ending.ts";
import { leaseLua } from "./lua/lease.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { list, text } from "../redis/reply.ts";

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
export const cancel = defineScript({
  name: "cancel",
  keys: [...endingKeys],
  args: [...endingArgs, "id"],
  uses: [clockLua, recordLua, leaseLua, placeLua, endLua, cancelLua],
  lua: `
local record = redis.call("HGET", jobs, id)
local job = record and read_record(id, record)
if not job then return { "unknown" } end
local ended = redis.call("HGET", results, id)
if ended then return { "ended", string.match(ended, "^%S+") } end
local outcome = cancel_job(job)
commit()
commit_ends()
return { outcome }`,
  parse: (reply): Cancelled => {
    const [kind, state] = list(reply);
    const found = text(kind);
    if (found === "ended") return { kind: "ended", state: text(state) };
    return { kind: found === "cancelled" || found === "stopping" ? found : "unknown" };
  },
});
