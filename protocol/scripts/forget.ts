/** Deletes ended jobs and all that is known of them. */
import { defineScript } from "../script.ts";
import { list, text } from "../reply.ts";

/** List: ids. Answers which were deleted: those that had ended. */
export const forget = defineScript({
  name: "forget",
  keys: ["jobs", "results", "errors", "failed"],
  args: [],
  lua: `
local asked, ids = { unpack(ARGV, first) }, {}
for i, ended in ipairs(redis.call("HMGET", results, unpack(asked))) do
  if ended then ids[#ids + 1] = asked[i] end
end
if #ids == 0 then return {} end
redis.call("HDEL", jobs, unpack(ids))
redis.call("HDEL", results, unpack(ids))
redis.call("HDEL", errors, unpack(ids))
redis.call("ZREM", failed, unpack(ids))
return ids`,
  parse: (reply): readonly string[] => list(reply).map(text),
});
