/** Keeps a report of a running attempt and tells those who watch the job. */
import { defineScript } from "../redis/script.ts";
import { text } from "../redis/reply.ts";

/**
 * Answers whether the attempt still holds its lease; the reports of one that lost it are refused, as its
 * outcome would be. The key outlives its newest report by `keep_ms`, which is longer than the attempt may take.
 */
export const report = defineScript({
  name: "report",
  keys: ["leases", "reports"],
  args: ["member", "kept", "keep_ms", "clock", "channel", "notice", "report"],
  lua: `
if not redis.call("ZSCORE", leases, member) then return "0" end
local entry = redis.call("XADD", reports, "MAXLEN", kept, clock, "report", report)
redis.call("PEXPIRE", reports, keep_ms)
redis.call("PUBLISH", channel, notice .. entry .. '"}')
return "1"`,
  parse: (reply): boolean => text(reply) === "1",
});
