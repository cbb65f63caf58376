--- How `apply-steps` decides which runs are made, which wait for the previous one and which are skipped.
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

local function make_run(s, at, flags, nonce)
  local id = s.id .. "@" .. (nonce or at) .. (s.overlap == "queue" and "+" or "")
  local template = template_of(s)
  if not fresh[id] then
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
  end
  s.made, s.last = s.made + 1, id
  note(s, { at = at, id = id, flags = flags })
end

local function decide_run(s, run, count)
  local at, flags, nonce = string.match(run, "^(%d+):(%a+):?(.*)$")
  if string.find(flags, "m", 1, true) then return make_run(s, at, flags, nonce) end
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
    if s.overlap == "cancel" and not is_done(s.last) and not fresh[s.last] then stopped[s.last] = true end
    make_run(s, at, flags)
  end
end

-- Does to a schedule what its change says; the change itself may end it.
local function decide_runs(s, change)
  s.lines, s.queue, s.change = {}, {}, change
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
  if #s.queue > 0 and (change.state == "A" or change.state == "E") and is_done(s.last) then
    local at, flags = string.match(table.remove(s.queue, 1), "^(%d+):(%a+)$")
    make_run(s, at, flags)
  end
  if change.state == "A" and s.made + #s.queue >= count then
    change.state, change.next, change.due = "E", "-", "-"
  end
end
