--- How `apply-steps` decides which runs are made, which wait for the previous one and which are skipped. A run whose id
--- another job has is not made, and not counted.
--- @keys jobs results
--- @args max_waiting
--- @needs schedule-record

-- Runs to make and by id; ids of runs to cancel.
local runs, fresh, stopped = {}, {}, {}

local function is_done(id)
  if id == "-" then return true end
  if fresh[id] or stopped[id] then return stopped[id] or false end
  return redis.call("HEXISTS", results, id) == 1 or redis.call("HEXISTS", jobs, id) == 0
end

-- Adds a line to the history, the latest first.
local function note(s, line)
  table.insert(s.lines, 1, line)
end

local flag_words = { l = ',"late":true', b = ',"backfilled":true', m = ',"manual":true' }

local function words_of(flags)
  return (string.gsub(flags, "%a", function(flag)
    return flag_words[flag] or ""
  end))
end

local function run_id(s, at, nonce)
  return s.id .. "@" .. (nonce or at) .. (s.overlap == "queue" and "+" or "")
end

-- Records under the ids of runs, where they were read.
local standing = {}

-- What stands under the id of a run: nothing, the "same" run of this schedule, one that was made "by hand", or another
-- "job". Options come before the payload, and quotes in a JSON string are escaped: what is found is no text of a client's.
local function standing_at(s, id, at)
  if fresh[id] then return "same" end
  if standing[id] == nil then standing[id] = redis.call("HGET", jobs, id) end
  if not standing[id] then return nil end
  local options = string.match(standing[id], "^[^\n]*\n(.*)$") or ""
  local payload_at = string.find(options, ',"payload":', 1, true)
  options = payload_at and string.sub(options, 1, payload_at - 1) or options
  local _, mark_end = string.find(options, ',"schedule":{"id":"' .. s.id .. '","at":', 1, true)
  if not mark_end then return "job" end
  local made_at, words = string.match(options, "^(%d+)([^}]*)}", mark_end + 1)
  if words and string.find(words, '"manual"', 1, true) then return "by hand" end
  return made_at == at and "same" or "job"
end

-- Why a run by its time is left out.
local skip_reasons = { same = "already_run", ["by hand"] = "id_taken", job = "id_taken" }

-- Answers whether the run was made.
local function make_run(s, at, flags, nonce)
  local id = run_id(s, at, nonce)
  local stands = standing_at(s, id, at)
  if stands then
    if not fresh[id] then note(s, { at = at, flags = flags, skipped = skip_reasons[stands] }) end
    return false
  end
  local template = template_of(s)
  fresh[id] = {
    id = id,
    phase = "Q",
    name = template.name,
    target = template.target,
    node = "-",
    deadline = "-",
    deliveries = 0,
    attempts_used = 0,
    ttl = template.ttl,
    body = template.options
      .. ',"schedule":{"id":"'
      .. s.id
      .. '","at":'
      .. at
      .. words_of(flags)
      .. "}"
      .. template.payload,
  }
  runs[#runs + 1] = fresh[id]
  s.made, s.last = s.made + 1, id
  note(s, { at = at, id = id, flags = flags })
  return true
end

local function decide_run(s, run, count)
  local at, flags, nonce = string.match(run, "^(%d+):(%a+):?(.*)$")
  if string.find(flags, "m", 1, true) then
    make_run(s, at, flags, nonce)
    return
  end
  if s.made + #s.queue >= count then return end
  if s.overlap == "queue" and (#s.queue > 0 or not is_done(s.last)) then
    if #s.queue < tonumber(max_waiting) then
      s.queue[#s.queue + 1] = at .. ":" .. flags
    else
      note(s, { at = at, flags = flags, skipped = "queue_full" })
    end
  elseif s.overlap == "skip" and not is_done(s.last) then
    note(s, { at = at, flags = flags, skipped = "overlap" })
  else
    local previous = s.last
    local is_running = s.overlap == "cancel" and not is_done(previous) and not fresh[previous]
    if make_run(s, at, flags) and is_running then stopped[previous] = true end
  end
end

-- Does to a schedule what its change says; the change itself may end it.
local function decide_runs(s)
  local change = s.change
  s.lines, s.queue = {}, {}
  for run in string.gmatch(s.waiting ~= "-" and s.waiting or "", "[^,]+") do
    s.queue[#s.queue + 1] = run
  end
  if change.missed ~= "-" then
    local from, to = string.match(change.missed, "^(%d+) (%d+)$")
    note(s, { at = from, to = to, flags = "n", skipped = "missed" })
  end
  local count = change.count or math.huge
  for run in string.gmatch(change.runs ~= "-" and change.runs or "", "%S+") do
    decide_run(s, run, count)
  end
  local may_start = (change.state == "A" or change.state == "E") and #s.queue > 0 and is_done(s.last)
  while may_start and #s.queue > 0 do
    local at, flags = string.match(table.remove(s.queue, 1), "^(%d+):(%a+)$")
    may_start = not make_run(s, at, flags)
  end
  if change.state == "A" and s.made + #s.queue >= count then
    change.state, change.next, change.due, change.catch_up = "E", "-", "-", "-"
  end
end
