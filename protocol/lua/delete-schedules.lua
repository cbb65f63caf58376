--- Deletes schedules and their history; the jobs that they made stay.
--- @keys schedules schedule_ids history due
--- @args source
--- @list id

local asked, ids, members, answers = { unpack(ARGV, first) }, {}, {}, {}
for i, record in ipairs(redis.call("HMGET", schedules, unpack(asked))) do
  local made_by = record and string.match(record, "^%a %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%S+)")
  answers[i] = not record and "unknown" or made_by == source and "deleted" or "foreign"
  if answers[i] == "deleted" then
    ids[#ids + 1] = asked[i]
    members[#members + 1] = "/" .. asked[i]
    members[#members + 1] = "!" .. asked[i]
  end
end
if #ids > 0 then
  redis.call("HDEL", schedules, unpack(ids))
  redis.call("ZREM", schedule_ids, unpack(ids))
  redis.call("HDEL", history, unpack(ids))
  redis.call("ZREM", due, unpack(members))
end
return answers
