--- Changes schedules by compare-and-set, and makes their runs in the same step, so that each due time is handled
--- exactly once. Repeat-safe: a second call finds another version.
--- @keys jobs results leases backlog free nodes parked outbox due failed index schedules history
--- @args queue channel control results_channel unacknowledged_ms foreign_ms clock ended_ms max_waiting recheck_ms
--- @list id version state covers moved next due count runs missed keep error catch_up
--- @needs apply-history apply-runs cancel-job chunks clock commit dues now place record results schedule-record

local changes, ids = {}, {}
for at = first, #ARGV, 13 do
  local change = {
    id = ARGV[at],
    version = ARGV[at + 1],
    state = ARGV[at + 2],
    covers = ARGV[at + 3],
    moved = ARGV[at + 4],
    next = ARGV[at + 5],
    due = ARGV[at + 6],
    count = tonumber(ARGV[at + 7]),
    runs = ARGV[at + 8],
    missed = ARGV[at + 9],
    keep = tonumber(ARGV[at + 10]),
    fault = ARGV[at + 11],
    catch_up = ARGV[at + 12],
  }
  changes[#changes + 1] = change
  ids[#ids + 1] = change.id
end

-- Members of `due` to take out.
local gone = {}

-- Reads what stands under the ids of the runs that changes ask for, in one command.
local function read_standing(decided)
  local run_ids = {}
  for _, s in ipairs(decided) do
    for at, nonce in string.gmatch(s.change.runs, "(%d+):%a+:?(%S*)") do
      run_ids[#run_ids + 1] = run_id(s, at, nonce ~= "" and nonce or nil)
    end
  end
  if #run_ids == 0 then return end
  for i, record in ipairs(redis.call("HMGET", jobs, unpack(run_ids))) do
    standing[run_ids[i]] = record
  end
end

-- A run by hand that was made before, or that cannot be made: nothing else of the step is done then.
local function refusal_of(s)
  local at, flags, nonce = string.match(s.change.runs, "^(%d+):(%a+):(%S+)$")
  if not at or not string.find(flags, "m", 1, true) then return nil end
  local stands = standing_at(s, run_id(s, at, nonce), at)
  return stands and (stands == "by hand" and "repeated" or "taken")
end

-- Answers the verdicts and the schedules that were of the version that the caller saw.
local function decide_all()
  local verdicts, decided, changed = {}, {}, {}
  for i, stored in ipairs(redis.call("HMGET", schedules, unpack(ids))) do
    local change = changes[i]
    local s = stored and read_schedule(change.id, stored)
    if not s or change.version == "-" then
      verdicts[i] = "unknown"
      gone[#gone + 1] = "/" .. change.id
    elseif s.version ~= change.version then
      verdicts[i] = "stale"
    else
      s.change, s.place = change, i
      decided[#decided + 1] = s
    end
  end
  read_standing(decided)
  for _, s in ipairs(decided) do
    local refusal = refusal_of(s)
    verdicts[s.place] = refusal or "advanced"
    if not refusal then
      decide_runs(s)
      changed[#changed + 1] = s
    end
  end
  return verdicts, changed
end

-- Accepts the runs.
local function accept_runs()
  if #runs == 0 then return end
  local names = {}
  for i, run in ipairs(runs) do
    names[i] = run.id
  end
  local accepted = redis.call("XADD", index, clock, "jobs", table.concat(names, " "))
  now = stamp_ms(accepted)
  for _, run in ipairs(runs) do
    run.accepted = accepted
    if run.ttl then run.deadline = string.format("%.0f", now + run.ttl) end
  end
end

local function cancel_stopped()
  for id in pairs(stopped) do
    local record = redis.call("HGET", jobs, id)
    local job = record and read_record(id, record)
    if job then cancel_job(job) end
  end
end

-- When the schedule is due next; an ended one that can be read for a while yet, when it is to be deleted.
local function set_schedule_due(s, change)
  local due_ms = tonumber(change.due)
  if change.state == "A" and #s.queue > 0 then
    due_ms = math.min(due_ms or math.huge, now + tonumber(recheck_ms))
  end
  if change.due ~= "=" and due_ms then set_due("/" .. s.id, due_ms) end
  if change.due ~= "=" and not due_ms then gone[#gone + 1] = "/" .. s.id end
  if change.state == "E" and s.state ~= "E" and s.source == "http" then
    add_due("!" .. s.id, now + tonumber(ended_ms))
  end
end

local function save_schedules(changed)
  local records, noted, noted_ids = {}, {}, {}
  for _, s in ipairs(changed) do
    local change = s.change
    -- Ends only when no run waits any more.
    if change.state == "E" and #s.queue > 0 then
      change.state, change.due = "A", "-"
    end
    set_schedule_due(s, change)
    s.state, s.covers, s.moved, s.next, s.fault =
      change.state, change.covers, change.moved, change.next, change.fault
    s.catch_up = change.catch_up
    s.step, s.waiting = s.step + 1, #s.queue > 0 and table.concat(s.queue, ",") or "-"
    records[#records + 1] = s.id
    records[#records + 1] = write_schedule(s)
    if #s.lines > 0 and change.keep > 0 then
      noted[#noted + 1] = s
      noted_ids[#noted_ids + 1] = s.id
    end
  end
  call_in_chunks("HSET", schedules, records)
  if #gone > 0 then redis.call("ZREM", due, unpack(gone)) end
  write_history(noted, noted_ids, string.format("%.0f", now))
end

local verdicts, changed = decide_all()
accept_runs()
ensure_now()
cancel_stopped()
place_all(runs, false)
save_schedules(changed)
commit()
commit_results()
return { verdicts, #runs, wait_for_due() }
