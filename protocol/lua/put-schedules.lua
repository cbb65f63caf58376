--- Creates schedules, or replaces their content. The same content again changes nothing. A new or changed plan is due
--- immediately: the next check works out its times (`schedule/plan.ts`), so that no client's clock counts. A schedule that
--- would never run if it began now is refused: now is not from `earliest` to `latest`.
--- @keys schedules schedule_ids due
--- @args clock max_schedules
--- @list id nonce overlap source earliest latest content
--- @needs clock schedule-record score

local ids, wanted = {}, {}
for at = first, #ARGV, 7 do
  ids[#ids + 1] = ARGV[at]
  wanted[#wanted + 1] = {
    nonce = ARGV[at + 1],
    overlap = ARGV[at + 2],
    source = ARGV[at + 3],
    earliest = tonumber(ARGV[at + 4]),
    latest = tonumber(ARGV[at + 5]),
    content = ARGV[at + 6],
  }
end
local stored = redis.call("HMGET", schedules, unpack(ids))
local count = redis.call("HLEN", schedules)
local now = read_clock()
local today = string.format("%.0f", now)
local answers, records, names, dues, kept = {}, {}, {}, {}, {}

local function refuse(i, verdict)
  answers[i] = { verdict, "" }
end

-- The mark before the nonce says what the call did, so that its repeat is answered alike.
local function store(i, s, verdict)
  s.nonce, s.step = string.sub(verdict, 1, 1) .. wanted[i].nonce, 1
  s.updated, s.content, s.overlap, s.fault = today, wanted[i].content, wanted[i].overlap, ""
  records[#records + 1] = s.id
  records[#records + 1] = write_schedule(s)
  names[#names + 1] = "0"
  names[#names + 1] = s.id
  answers[i] = { verdict, write_schedule(s) }
end

local function start_over(s)
  if s.state ~= "P" then
    s.state = "A"
    dues[#dues + 1] = score(now)
    dues[#dues + 1] = "/" .. s.id
    kept[#kept + 1] = "!" .. s.id
  end
  s.anchor, s.covers, s.moved, s.next, s.made, s.waiting = today, "-", "-", "-", 0, "-"
  s.catch_up = "-"
end

local function never_runs(want)
  return (want.earliest and now < want.earliest) or (want.latest and now > want.latest)
end

local function has_plan_of(s, want)
  return string.match(s.content, "^[^\n]*") == string.match(want.content, "^[^\n]*")
end

-- The same content: a repeat of the call that stored it is answered as that was.
local function answer_unchanged(i, s)
  local mark, nonce = string.sub(s.nonce, 1, 1), string.sub(s.nonce, 2)
  local verdict = mark == "c" and "created" or "replaced"
  answers[i] = { nonce == wanted[i].nonce and verdict or "unchanged", stored[i] }
end

for i, id in ipairs(ids) do
  local want = wanted[i]
  local s = stored[i] and read_schedule(id, stored[i])
  if s and s.source ~= want.source then
    refuse(i, "foreign")
  elseif s and s.content == want.content then
    answer_unchanged(i, s)
  elseif never_runs(want) and not (s and has_plan_of(s, want)) then
    refuse(i, "never")
  elseif s then
    if not has_plan_of(s, want) then start_over(s) end
    store(i, s, "replaced")
  elseif not stored[i] and count >= tonumber(max_schedules) then
    refuse(i, "full")
  else
    s = { id = id, state = "A", last = "-", source = want.source, created = today }
    start_over(s)
    store(i, s, "created")
    count = count + 1
  end
end
if #records > 0 then
  redis.call("HSET", schedules, unpack(records))
  redis.call("ZADD", schedule_ids, unpack(names))
end
if #dues > 0 then
  redis.call("ZADD", due, unpack(dues))
  redis.call("ZREM", due, unpack(kept))
end
return { today, answers }
