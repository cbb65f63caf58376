--- Dispatches ended jobs again as if they were new: with their ids, and with all attempts allowed once more.
--- @keys jobs results leases backlog free nodes parked index due errors failed
--- @args queue channel control unacknowledged_ms foreign_ms clock only
--- @list id
--- @needs clock commit errors now place record

-- The failure that ended the job goes to the others; a lost attempt is among them already.
local function reason_of(result)
  local reason = string.match(result, '"error":(.*)}$')
  if not reason or string.find(reason, '"attempt_lost"', 1, true) then return nil end
  return pcall(cjson.decode, reason) and reason or nil
end

local asked = { unpack(ARGV, first) }
local records, endings = redis.call("HMGET", jobs, unpack(asked)), redis.call("HMGET", results, unpack(asked))
local ids, again, reasons, answers, seen = {}, {}, {}, {}, {}
for i, id in ipairs(asked) do
  local job = records[i] and read_record(id, records[i])
  local state = endings[i] and string.match(endings[i], "^%S+")
  if not job then
    answers[i] = "unknown"
  elseif seen[id] then
    answers[i] = "resent"
  elseif state == "succeeded" then
    answers[i] = "succeeded"
  elseif not state or (only ~= "-" and only ~= state) then
    answers[i] = job.phase == "C" and "stopping" or "alive"
  else
    seen[id] = true
    answers[i] = "resent"
    ids[#ids + 1] = id
    again[#again + 1] = job
    reasons[#again] = state == "failed" and reason_of(endings[i])
  end
end
if #ids == 0 then return answers end
local accepted = redis.call("XADD", index, clock, "jobs", table.concat(ids, " "))
now = stamp_ms(accepted)
for i, job in ipairs(again) do
  if reasons[i] then remember_error(job.id, job.attempts_used + 1, job.node, reasons[i]) end
end
redis.call("HDEL", results, unpack(ids))
redis.call("ZREM", failed, unpack(ids))
for _, job in ipairs(again) do
  job.accepted, job.deliveries, job.attempts_used, job.deadline = accepted, 0, 0, "-"
end
place_all(again, false)
commit()
return answers
