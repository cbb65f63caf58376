/**
 * Changes schedules by compare-and-set, and makes their runs in the same step: a moment is dealt with exactly
 * once, whoever comes first. Repeat-safe: a second call finds another version.
 */
import { defineScript } from "../redis/script.ts";
import { cancelLua } from "./lua/cancel.ts";
import { clockLua } from "./lua/clock.ts";
import { endLua } from "./lua/end.ts";
import { endingArgs, endingKeys } from "./lua/ending.ts";
import { leaseLua } from "./lua/lease.ts";
import { placeLua } from "./lua/place.ts";
import { recordLua } from "./lua/record.ts";
import { scheduleLua } from "./lua/schedule.ts";
import { list, number, text } from "../redis/reply.ts";

/** `stale`: the record was changed meanwhile, by another who came first. */
export type StepVerdict = "advanced" | "stale" | "unknown";

/** What `advance` did. */
export interface AppliedSteps {
  readonly verdicts: readonly StepVerdict[];
  /** How many jobs were made. */
  readonly made: number;
  /** Until the next moment of the queue, in milliseconds; 0 if more are due now, null if there is none. */
  readonly nextInMs: number | null;
}

/** An ended schedule can be read for so long, in milliseconds. */
export const endedMs = 86_400_000;

/** How many runs wait for the previous one, at most. */
export const maxWaiting = 100;

/** How often a schedule looks whether a run that others wait for has ended, should its end go unnoticed. */
const recheckMs = 60_000;

/**
 * List, for each schedule: `id, version, state, covers, moved, next, due, count, runs, missed, keep, error`.
 * Version `-` stands for a record that the caller cannot read. `due` is a time, `-` for never, `=` for as it was; `runs` is `-` or `<time>:<flags>[:<nonce>]` separated by spaces, with flags `l` (late),
 * `b` (backfilled), `m` (by hand; made whatever else runs) and `n` (none of them); `missed` is `-` or `<from> <to>`.
 */
export const applySteps = defineScript({
  name: "advance",
  keys: [...endingKeys, "index", "schedules", "history"],
  args: [...endingArgs, "ended_ms", "max_waiting", "recheck_ms"],
  uses: [clockLua, recordLua, leaseLua, placeLua, endLua, cancelLua, scheduleLua],
  lua: `
local changes, ids = {}, {}
for at = first, #ARGV, 12 do
  local change = {
    id = ARGV[at], version = ARGV[at + 1], state = ARGV[at + 2], covers = ARGV[at + 3], moved = ARGV[at + 4],
    next = ARGV[at + 5], due = ARGV[at + 6], count = tonumber(ARGV[at + 7]), runs = ARGV[at + 8],
    missed = ARGV[at + 9], keep = tonumber(ARGV[at + 10]), fault = ARGV[at + 11],
  }
  changes[#changes + 1] = change
  ids[#ids + 1] = change.id
end

local fresh, runs, run_ids, stopped = {}, {}, {}, {}
local function is_done(id)
  if id == "-" then return true end
  if fresh[id] or stopped[id] then return stopped[id] or false end
  return redis.call("HEXISTS", results, id) == 1 or redis.call("HEXISTS", jobs, id) == 0
end

local function note(s, line)
  table.insert(s.lines, 1, line)
end

local flag_words = { l = ',"late":true', b = ',"backfilled":true', m = ',"manual":true' }
local function words_of(flags)
  return (string.gsub(flags, "%a", function(flag) return flag_words[flag] or "" end))
end

local function make(s, at, flags, nonce)
  local id = s.id .. "@" .. (nonce or at) .. (s.overlap == "queue" and "+" or "")
  local line, options, payload = string.match(s.content, "^[^\\n]*\\n([^\\n]*)\\n([^\\n]*)\\n(.*)$")
  local name, target, ttl = string.match(line, "^(%S+) (%S+) (%S+)$")
  local run = {
    id = id, phase = "Q", name = name, target = target, node = "-", deadline = "-", deliveries = 0, attempts = 0,
    ttl = tonumber(ttl),
    body = options .. ',"schedule":{"id":"' .. s.id .. '","at":' .. at .. words_of(flags) .. "}" .. payload,
  }
  if not fresh[id] then
    fresh[id] = run
    runs[#runs + 1] = run
    run_ids[#run_ids + 1] = id
  end
  s.made, s.last = s.made + 1, id
  note(s, { at = at, id = id, flags = flags })
end

local function decide(s, run, count)
  local at, flags, nonce = string.match(run, "^(%d+):(%a+):?(.*)$")
  if string.find(flags, "m", 1, true) then return make(s, at, flags, nonce) end
  if s.made + #s.queue >= count then return end
  if s.overlap == "queue" and (#s.queue > 0 or not is_done(s.last)) then
    if #s.queue < tonumber(max_waiting) then s.queue[#s.queue + 1] = at .. ":" .. flags
    else note(s, { at = at, flags = flags, skipped = "queue_full" }) end
  elseif s.overlap == "skip" and not is_done(s.last) then
    note(s, { at = at, flags = flags, skipped = "overlap" })
  else
    if s.overlap == "cancel" and not is_done(s.last) and not fresh[s.last] then stopped[s.last] = true end
    make(s, at, flags)
  end
end

local verdicts, changed, lost = {}, {}, {}
for i, stored in ipairs(redis.call("HMGET", schedules, unpack(ids))) do
  local change = changes[i]
  local s = stored and read_schedule(change.id, stored)
  if not s or change.version == "-" then
    verdicts[i] = "unknown"
    lost[#lost + 1] = "/" .. change.id
  elseif s.version ~= change.version then
    verdicts[i] = "stale"
  else
    verdicts[i] = "advanced"
    s.lines, s.queue, s.change = {}, {}, change
    for run in string.gmatch(s.waiting ~= "-" and s.waiting or "", "[^,]+") do s.queue[#s.queue + 1] = run end
    if change.missed ~= "-" then
      local from, to = string.match(change.missed, "^(%d+) (%d+)$")
      note(s, { at = from, to = to, flags = "n", skipped = "missed" })
    end
    local count = change.count or math.huge
    for run in string.gmatch(change.runs ~= "-" and change.runs or "", "%S+") do decide(s, run, count) end
    if #s.queue > 0 and (change.state == "A" or change.state == "E") and is_done(s.last) then
      local at, flags = string.match(table.remove(s.queue, 1), "^(%d+):(%a+)$")
      make(s, at, flags)
    end
    if change.state == "A" and s.made + #s.queue >= count then change.state, change.next, change.due = "E", "-", "-" end
    changed[#changed + 1] = s
  end
end

local placed, ready = {}, {}
if #run_ids > 0 then
  local known, names = redis.call("HMGET", jobs, unpack(run_ids)), {}
  for i, run in ipairs(runs) do
    if not known[i] then
      placed[#placed + 1] = run
      names[#names + 1] = run.id
    end
  end
  if #placed > 0 then
    local accepted = redis.call("XADD", index, clock, "jobs", table.concat(names, " "))
    now = stamp_ms(accepted)
    for i, run in ipairs(placed) do
      run.accepted = accepted
      if run.ttl then run.deadline = string.format("%.0f", now + run.ttl) end
      ready[i] = run
    end
  end
end
if now == 0 then now = read_clock() end
for id in pairs(stopped) do
  local record = redis.call("HGET", jobs, id)
  local job = record and read_record(id, record)
  if job then cancel_job(job) end
end
place_all(ready, false)

local records, gone, noted, noted_ids = {}, lost, {}, {}
local today = string.format("%.0f", now)
for _, s in ipairs(changed) do
  local change, member = s.change, "/" .. s.id
  -- Ends only when no run waits any more.
  if change.state == "E" and #s.queue > 0 then change.state, change.due = "A", "-" end
  local moment = tonumber(change.due)
  if change.state == "A" and #s.queue > 0 then moment = math.min(moment or math.huge, now + tonumber(recheck_ms)) end
  if change.due ~= "=" then
    if moment then
      new_dues[#new_dues + 1] = score(moment)
      new_dues[#new_dues + 1] = member
      if not soonest or moment < soonest then soonest = moment end
    else
      gone[#gone + 1] = member
    end
  end
  if change.state == "E" and s.state ~= "E" and s.source == "http" then
    new_dues[#new_dues + 1] = score(now + tonumber(ended_ms))
    new_dues[#new_dues + 1] = "!" .. s.id
  end
  s.state, s.covers, s.moved, s.next, s.fault = change.state, change.covers, change.moved, change.next, change.fault
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

local function line_of(entry)
  return '{"at":' .. entry.at .. (entry.to and ',"to":' .. entry.to or "") .. words_of(entry.flags) ..
    (entry.id and ',"id":"' .. entry.id .. '","made":' .. today or "") ..
    (entry.skipped and ',"skipped":"' .. entry.skipped .. '","seen":' .. today or "") .. "}"
end
if #noted > 0 then
  local fields = {}
  for i, before in ipairs(redis.call("HMGET", history, unpack(noted_ids))) do
    local s, lines = noted[i], {}
    for _, entry in ipairs(s.lines) do
      if #lines < s.change.keep then lines[#lines + 1] = line_of(entry) end
    end
    for line in string.gmatch(before or "", "[^\\n]+") do
      if #lines >= s.change.keep then break end
      lines[#lines + 1] = line
    end
    fields[#fields + 1] = s.id
    fields[#fields + 1] = table.concat(lines, "\\n")
  end
  call_in_chunks("HSET", history, fields)
end
commit()
commit_ends()
local following = redis.call("ZRANGE", due, 0, 0, "WITHSCORES")
local wait = following[2] and math.max(0, math.ceil(tonumber(following[2]) - now)) or -1
return { verdicts, #placed, wait }`,
  parse: (reply): AppliedSteps => {
    const [verdicts, made, wait] = list(reply);
    return {
      verdicts: list(verdicts).map((each) => text(each) as StepVerdict),
      made: number(made),
      nextInMs: number(wait) < 0 ? null : number(wait),
    };
  },
});

/** The arguments that do not change. */
export const applyStepsArgs = {
  ended_ms: endedMs,
  max_waiting: maxWaiting,
  recheck_ms: recheckMs,
} as const;
