--- Takes one outbox entry out and puts what is left of it back as new entries, behind all others. What is not put back is
--- recorded. The entries remember since when they wait: beyond `outbox_ms` nothing is put back. A repetition finds no
--- entry and does nothing.
--- @keys results outbox
--- @args entry outbox_ms clock
--- @list text ids
--- @needs chunks clock outbox-entry

local found = redis.call("XRANGE", outbox, entry, entry)[1]
if not found then return {} end
redis.call("XDEL", outbox, entry)
local since = found[2][4] or string.match(entry, "^%d+")
if tonumber(since) + tonumber(outbox_ms) < read_clock() then return { "-" } end

-- Only jobs whose result this entry held: a job that was sent again may have ended since.
local function follow(ids, moved)
  local fields = {}
  for from = 1, #ids, 1000 do
    local some = { unpack(ids, from, math.min(from + 999, #ids)) }
    for i, ended in ipairs(redis.call("HMGET", results, unpack(some))) do
      if ended and outbox_entry(ended) == entry then
        fields[#fields + 1] = some[i]
        fields[#fields + 1] = with_outbox_entry(ended, moved)
      end
    end
  end
  call_in_chunks("HSET", results, fields)
end

local entries = {}
for at = first, #ARGV, 2 do
  local moved = redis.call("XADD", outbox, clock, "results", ARGV[at], "since", since)
  local ids = {}
  for id in string.gmatch(ARGV[at + 1], "%S+") do
    ids[#ids + 1] = id
  end
  follow(ids, moved)
  entries[#entries + 1] = moved
end
return entries
