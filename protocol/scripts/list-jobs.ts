/** Lists jobs of one queue, newest first, from a position on. Changes nothing. */
import { defineScript } from "../redis/script.ts";
import { stampLua } from "./lua/stamp.ts";
import { list as array, number, text } from "../redis/reply.ts";

/** A line of the list: heads of the records only, so that payloads are not sent. */
export interface Listed {
  readonly id: string;
  /** Position: the index entry and the place in it. */
  readonly entry: string;
  readonly place: number;
  /** Head of the job's record. */
  readonly record: string;
  /** Head of its result's record, once it has ended. */
  readonly ended: string | null;
}

/** A page, and where the next one starts (`null` at the end). */
export interface Page {
  readonly jobs: readonly Listed[];
  readonly next: { readonly entry: string; readonly place: number } | null;
}

/**
 * Starts after (older than) `entry`, `place`; `+`, `0` is the newest. `state` and `name` are `-` for
 * any. Examines at most 1,000 jobs or 8 MiB a call, so a page can hold fewer than `limit`, even none,
 * while `next` is set.
 */
export const listJobs = defineScript({
  name: "list",
  keys: ["jobs", "results", "index"],
  args: ["entry", "place", "limit", "state", "name"],
  uses: [stampLua],
  // A job that was sent again has a newer entry in the index: the older one is passed over.
  lua: `
local phases, rows, examined, bytes, last = { Q = "queued", R = "running", C = "running", D = "delayed" }, {}, 0, 0, nil
local wanted = tonumber(limit)
local entries = redis.call("XREVRANGE", index, entry, "-", "COUNT", math.min(wanted * 4, 400) + 1)
for e = 1, #entries do
  local stamp, ids = entries[e][1], {}
  for id in string.gmatch(entries[e][2][2], "%S+") do ids[#ids + 1] = id end
  local newest = #ids
  if stamp == entry then newest = math.min(newest, tonumber(place) - 1) end
  for high = newest, 1, -50 do
    local low = math.max(1, high - 49)
    local some = { unpack(ids, low, high) }
    local records = redis.call("HMGET", jobs, unpack(some))
    local endings = redis.call("HMGET", results, unpack(some))
    for i = #some, 1, -1 do
      examined = examined + 1
      last = { stamp, low + i - 1 }
      if records[i] then
        bytes = bytes + #records[i] + (endings[i] and #endings[i] or 0)
        local head = string.match(records[i], "^[^\\n]*")
        local ended = endings[i] and string.match(endings[i], "^[^\\n]*") or ""
        local now_in = string.match(ended, "^%S+") or phases[string.sub(head, 1, 1)]
        local called = string.match(head, "(%S+)$")
        local is_stale = is_older(stamp, string.match(head, "^%a (%S+)"))
        if not is_stale and (state == "-" or state == now_in) and (name == "-" or name == called) then
          rows[#rows + 1] = { some[i], stamp, low + i - 1, head, ended }
        end
      end
      if #rows == wanted or examined >= 1000 or bytes > 8388608 then return { rows, last } end
    end
  end
end
if #entries > math.min(wanted * 4, 400) and last then return { rows, last } end
return { rows, {} }`,
  parse: (reply): Page => {
    const [rows, last] = array(reply);
    const [entry, place] = array(last);
    return {
      jobs: array(rows).map((row) => {
        const [id, stamp, position, record, ended] = array(row);
        return {
          id: text(id),
          entry: text(stamp),
          place: number(position),
          record: text(record),
          ended: text(ended) === "" ? null : text(ended),
        };
      }),
      next: entry === undefined ? null : { entry: text(entry), place: number(place) },
    };
  },
});
