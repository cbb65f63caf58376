/** Deletes ended jobs and all that is known of them. */
import { defineScript } from "../redis/script.ts";
import { list, text } from "../redis/reply.ts";

/** `alive`: it has not ended (in the state asked for). `unknown`: no such job, perhaps deleted before. */
export type DeletedJob = "deleted" | "alive" | "unknown";

/** List: ids. `only` is the state that a job must have ended in, or `-`. */
export const deleteJobs = defineScript({
  name: "forget",
  keys: ["jobs", "results", "errors", "failed", "due"],
  args: ["only"],
  lua: `
local asked, ids, answers = { unpack(ARGV, first) }, {}, {}
local endings = redis.call("HMGET", results, unpack(asked))
for i, id in ipairs(asked) do
  local state = endings[i] and string.match(endings[i], "^%S+")
  if state and (only == "-" or only == state) then
    answers[i] = "deleted"
    ids[#ids + 1] = id
  elseif state or redis.call("HEXISTS", jobs, id) == 1 then
    answers[i] = "alive"
  else
    answers[i] = "unknown"
  end
end
if #ids > 0 then
  redis.call("HDEL", jobs, unpack(ids))
  redis.call("HDEL", results, unpack(ids))
  redis.call("HDEL", errors, unpack(ids))
  redis.call("ZREM", failed, unpack(ids))
  redis.call("ZREM", due, unpack(ids))
end
return answers`,
  parse: (reply): readonly DeletedJob[] => list(reply).map((each) => text(each) as DeletedJob),
});
