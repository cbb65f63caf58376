/** Counts the schedules of a queue. Changes nothing. */
import { defineScript } from "../redis/script.ts";
import { number } from "../redis/reply.ts";

/** `before` is `-` for all, or a time: those that are due by then. */
export const countSchedules = defineScript({
  name: "count-schedules",
  keys: ["schedules", "due"],
  args: ["before"],
  lua: `
if before == "-" then return redis.call("HLEN", schedules) end
local count, offset = 0, 0
while true do
  local members = redis.call("ZRANGEBYSCORE", due, "-inf", before, "LIMIT", offset, 10000)
  for _, member in ipairs(members) do
    if string.byte(member) == 47 then count = count + 1 end
  end
  if #members < 10000 then return count end
  offset = offset + 10000
end`,
  parse: number,
});
