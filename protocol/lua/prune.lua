--- Deletes finished jobs: those that finished longer ago than the retention, and the oldest beyond the count. Failed
--- jobs have bounds of their own. Works from the oldest index entry on; jobs that are still alive there get a new entry.
--- Handles about 3,000 jobs a call. Drops outbox entries older than `outbox_ms`, and the rows of nodes that have been
--- gone as long.
--- @keys jobs results index outbox errors failed nodes due
--- @args channel retention_ms max_finished failed_ms max_failed outbox_ms clock
--- @needs clock stream-id

local now = read_clock()
local horizon = now - tonumber(retention_ms)
local failures = redis.call("ZCARD", failed)
local surplus = redis.call("HLEN", results) - failures - tonumber(max_finished)
local most, examined, gone, kept = 3000, 0, {}, {}
local ids, entry_of = {}, {}

-- A node that joined long ago and is cut off or drains is not gone: only one on whose channel no client listens is.
local function drop_gone_nodes()
  local rows, oldest = redis.call("HGETALL", nodes), now - tonumber(outbox_ms)
  for i = 1, #rows, 2 do
    local epoch, mark = string.match(rows[i + 1], "^(%d+) %S+ (%d)")
    if
      mark ~= "1"
      and tonumber(epoch or 0) < oldest
      and redis.call("PUBSUB", "NUMSUB", channel .. rows[i])[2] == 0
    then
      redis.call("HDEL", nodes, rows[i])
    end
  end
end

-- What stays gets a new entry, unless it is gone or has a newer one because it was sent again.
local function keep(staying, entries)
  if #staying == 0 then return end
  for i, record in ipairs(redis.call("HMGET", jobs, unpack(staying))) do
    local accepted = record and string.match(record, "^%a (%S+)")
    if accepted and not is_older(entries[i], accepted) then kept[#kept + 1] = staying[i] end
  end
end

local function judge()
  if #ids == 0 then return end
  local staying, entries = {}, {}
  for i, ended in ipairs(redis.call("HMGET", results, unpack(ids))) do
    local finished = ended and tonumber(string.match(ended, "^%S+ (%d+)") or 0)
    -- A failed job leaves the index here and stays in the failed set, which has bounds of its own.
    local is_failed = ended and string.match(ended, "^failed")
    local is_over = ended and (finished <= horizon or (not is_failed and #gone < surplus))
    if not is_over then
      staying[#staying + 1], entries[#entries + 1] = ids[i], entry_of[i]
    elseif not is_failed then
      gone[#gone + 1] = ids[i]
    end
  end
  keep(staying, entries)
  examined = examined + #ids
  ids, entry_of = {}, {}
end

-- Read by the page, judged by the hundred or more: jobs that were sent one by one have an entry each.
local function examine_index()
  local done, from, is_last = {}, "-", false
  while not is_last do
    local page = redis.call("XRANGE", index, from, "+", "COUNT", 100)
    is_last = #page < 100
    for _, entry in ipairs(page) do
      local is_young = stamp_ms(entry[1]) > horizon
      if is_young and #gone + #ids >= surplus then judge() end
      if examined + #ids >= most or (is_young and #gone >= surplus) then
        is_last = true
        break
      end
      for id in string.gmatch(entry[2][2], "%S+") do
        ids[#ids + 1], entry_of[#ids + 1] = id, entry[1]
      end
      done[#done + 1] = entry[1]
      from = "(" .. entry[1]
      if #ids >= 1000 then judge() end
    end
    judge()
  end
  if #done > 0 then redis.call("XDEL", index, unpack(done)) end
end

-- Answers how many left the failed set: those past their time and those beyond the count, at most 1,000 of each.
local function prune_failed()
  local before = string.format("%.0f", now - tonumber(failed_ms))
  local old = redis.call("ZRANGEBYSCORE", failed, "-inf", before, "LIMIT", 0, 1000)
  local over = math.min(failures - #old - tonumber(max_failed), 1000)
  if over > 0 then
    for _, id in ipairs(redis.call("ZRANGE", failed, #old, #old + over - 1)) do
      old[#old + 1] = id
    end
  end
  if #old > 0 then redis.call("ZREM", failed, unpack(old)) end
  for _, id in ipairs(old) do
    gone[#gone + 1] = id
  end
  return #old
end

redis.call("XTRIM", outbox, "MINID", string.format("%.0f", now - tonumber(outbox_ms)))
drop_gone_nodes()
examine_index()
for from = 1, #kept, 1000 do
  redis.call("XADD", index, clock, "jobs", table.concat(kept, " ", from, math.min(from + 999, #kept)))
end
local failed_gone = prune_failed()
if #gone > 0 then
  redis.call("HDEL", errors, unpack(gone))
  redis.call("HDEL", jobs, unpack(gone))
  redis.call("HDEL", results, unpack(gone))
  redis.call("ZREM", due, unpack(gone)) -- the deadline of one that was started in time
end
return { #gone, #gone > 0 and (examined >= most or failed_gone >= 1000) and 1 or 0 }
