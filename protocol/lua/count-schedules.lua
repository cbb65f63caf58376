--- Counts the schedules of a queue that have not ended. Changes nothing.
--- @keys schedules schedule_ids due
--- @args before

local count, offset = 0, 0
while before == "-" do
  local ids = redis.call("ZRANGE", schedule_ids, offset, offset + 999)
  if #ids == 0 then return count end
  for _, record in ipairs(redis.call("HMGET", schedules, unpack(ids))) do
    if record and string.byte(record) ~= 69 then count = count + 1 end -- it begins with E
  end
  offset = offset + #ids
end
while true do
  local members = redis.call("ZRANGEBYSCORE", due, "-inf", before, "LIMIT", offset, 10000)
  for _, member in ipairs(members) do
    if string.byte(member) == 47 then count = count + 1 end -- it begins with /
  end
  if #members < 10000 then return count end
  offset = offset + 10000
end
