/**
 * Makes schedules, or gives them another content. The same content again changes nothing. A new or changed plan
 * is due at once: whoever looks first works out its times (`plan.ts`), so that no caller's clock counts.
 */
import { defineScript } from "../redis/script.ts";
import { clockLua } from "./lua/clock.ts";
import { scheduleLua } from "./lua/schedule.ts";
import { list, number, text } from "../redis/reply.ts";

/** `foreign`: another source made it. `full`: the queue has as many as are allowed. */
export type PutVerdict = "created" | "replaced" | "unchanged" | "foreign" | "full";

/** What became of the schedules, in their order. */
export interface Put {
  readonly nowMs: number;
  readonly answers: readonly {
    readonly verdict: PutVerdict;
    /** The record as it is now; empty where it was refused. */
    readonly text: string;
  }[];
}

/**
 * List, for each: `id, nonce, overlap, source, content`. The nonce is the caller's: a call that is repeated
 * because its answer was lost is answered as the first was. A changed plan starts anew, with no runs made and
 * the present as its anchor; what it runs can be changed without that.
 */
export const putSchedules = defineScript({
  name: "put-schedules",
  keys: ["schedules", "schedule_ids", "due"],
  args: ["clock", "max_schedules"],
  uses: [clockLua, scheduleLua],
  lua: `
local ids, wanted = {}, {}
for at = first, #ARGV, 5 do
  ids[#ids + 1] = ARGV[at]
  wanted[#wanted + 1] = { nonce = ARGV[at + 1], overlap = ARGV[at + 2], source = ARGV[at + 3], content = ARGV[at + 4] }
end
local stored = redis.call("HMGET", schedules, unpack(ids))
local count = redis.call("HLEN", schedules)
local now = read_clock()
local today = string.format("%.0f", now)
local answers, records, names, dues, kept = {}, {}, {}, {}, {}

local function refuse(i, verdict)
  answers[i] = { verdict, "" }
end

local function store(i, s, verdict)
  s.nonce, s.step = string.sub(verdict, 1, 1) .. wanted[i].nonce, 1
  s.updated, s.content, s.overlap, s.fault = today, wanted[i].content, wanted[i].overlap, ""
  records[#records + 1] = s.id
  records[#records + 1] = write_schedule(s)
  names[#names + 1] = "0"
  names[#names + 1] = s.id
  answers[i] = { verdict, write_schedule(s) }
end

local function start_anew(s)
  if s.state ~= "P" then
    s.state = "A"
    dues[#dues + 1] = score(now)
    dues[#dues + 1] = "/" .. s.id
    kept[#kept + 1] = "!" .. s.id
  end
  s.anchor, s.covers, s.moved, s.next, s.made, s.waiting = today, "-", "-", "-", 0, "-"
end

for i, id in ipairs(ids) do
  local want = wanted[i]
  local s = stored[i] and read_schedule(id, stored[i])
  if s and s.source ~= want.source then
    refuse(i, "foreign")
  elseif s and s.content == want.content then
    local mark = string.sub(s.nonce, 1, 1)
    local is_repeat = string.sub(s.nonce, 2) == want.nonce
    answers[i] = { is_repeat and (mark == "c" and "created" or "replaced") or "unchanged", stored[i] }
  elseif s then
    if string.match(s.content, "^[^\\n]*") ~= string.match(want.content, "^[^\\n]*") then start_anew(s) end
    store(i, s, "replaced")
  elseif not stored[i] and count >= tonumber(max_schedules) then
    refuse(i, "full")
  else
    s = { id = id, state = "A", last = "-", source = want.source, created = today }
    start_anew(s)
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
return { today, answers }`,
  parse: (reply): Put => {
    const [now, answers] = list(reply);
    return {
      nowMs: number(now),
      answers: list(answers).map((each) => {
        const [verdict, record] = list(each);
        return { verdict: text(verdict) as PutVerdict, text: text(record) };
      }),
    };
  },
});
