--- Lists jobs of one queue, newest first, from a place in the index on. Examines at most 1,000 jobs or 8 MiB.
--- Changes nothing.
--- @keys jobs results index
--- @args entry place limit state name
--- @needs stream-id

local phases = { Q = "queued", R = "running", C = "running", D = "delayed" }
local rows, examined, bytes, last = {}, 0, 0, nil
local wanted = tonumber(limit)

-- A row if the job is asked for. A job that was sent again has a newer entry in the index: the older one is passed over.
local function row_of(id, stamp, position, record, result)
  local head = string.match(record, "^[^\n]*")
  local ended = result and string.match(result, "^[^\n]*") or ""
  local state_now = string.match(ended, "^%S+") or phases[string.sub(head, 1, 1)]
  local has_name = name == "-" or name == string.match(head, "(%S+)$")
  if is_older(stamp, string.match(head, "^%a (%S+)")) or not has_name then return nil end
  if state ~= "-" and state ~= state_now then return nil end
  return { id, stamp, position, head, ended }
end

-- Adds the jobs of one part of an index entry. True: the page is full.
local function add_rows(stamp, ids, low, high)
  local some = { unpack(ids, low, high) }
  local records = redis.call("HMGET", jobs, unpack(some))
  local endings = redis.call("HMGET", results, unpack(some))
  for i = #some, 1, -1 do
    examined = examined + 1
    last = { stamp, low + i - 1 }
    if records[i] then
      bytes = bytes + #records[i] + (endings[i] and #endings[i] or 0)
      rows[#rows + 1] = row_of(some[i], stamp, low + i - 1, records[i], endings[i])
      if #rows == wanted or examined >= 1000 or bytes > 8388608 then return true end
    end
  end
  return false
end

local entries = redis.call("XREVRANGE", index, entry, "-", "COUNT", math.min(wanted * 4, 400) + 1)
for e = 1, #entries do
  local stamp, ids = entries[e][1], {}
  for id in string.gmatch(entries[e][2][2], "%S+") do
    ids[#ids + 1] = id
  end
  local newest = #ids
  if stamp == entry then newest = math.min(newest, tonumber(place) - 1) end
  for high = newest, 1, -50 do
    if add_rows(stamp, ids, math.max(1, high - 49), high) then return { rows, last } end
  end
end
if #entries > math.min(wanted * 4, 400) and last then return { rows, last } end
return { rows, {} }
