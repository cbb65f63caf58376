--- Lists the schedules of a queue in the order of their ids. Examines at most 1,000. Changes nothing.
--- @keys schedules schedule_ids
--- @args from limit before

local wanted, before_ms, rows, examined = tonumber(limit), tonumber(before), {}, 0
local start = from == "-" and "-" or "(" .. from
repeat
  local ids = redis.call("ZRANGEBYLEX", schedule_ids, start, "+", "LIMIT", 0, 100)
  if #ids == 0 then return { rows, "" } end
  for i, record in ipairs(redis.call("HMGET", schedules, unpack(ids))) do
    local next_ms = record and tonumber(string.match(record, "^A %S+ %S+ %S+ %S+ (%S+)"))
    if record and (not before_ms or (next_ms and next_ms <= before_ms)) then
      rows[#rows + 1] = { ids[i], string.match(record, "^[^\n]*\n[^\n]*\n[^\n]*") }
      if #rows == wanted then return { rows, ids[i] } end
    end
  end
  examined, start = examined + #ids, "(" .. ids[#ids]
  if #ids < 100 then return { rows, "" } end
until examined >= 1000
return { rows, string.sub(start, 2) }
