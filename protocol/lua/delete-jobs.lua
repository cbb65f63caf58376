--- Deletes ended jobs with their results, errors and due times.
--- @keys jobs results errors failed due
--- @args only
--- @list id

local asked, ids, answers = { unpack(ARGV, first) }, {}, {}
local records = redis.call("HMGET", results, unpack(asked))
for i, id in ipairs(asked) do
  local state = records[i] and string.match(records[i], "^%S+")
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
return answers
