/** Lists the schedules of a queue in the order of their ids. Changes nothing. */
import { defineScript } from "../redis/script.ts";
import { list, text } from "../redis/reply.ts";

/** A page, and the id that it ends at (null at the end of the list). */
export interface SchedulePage {
  /** Records without options and payload. */
  readonly schedules: readonly { readonly id: string; readonly text: string }[];
  readonly last: string | null;
}

/**
 * Starts after the id `from` (`-` for the first). `before` is a time, or `-`: only schedules whose next run is
 * due by then. Examines at most 1,000 a call, so a page can hold fewer than `limit`, even none, while `last` is set.
 */
export const listSchedules = defineScript({
  name: "list-schedules",
  keys: ["schedules", "schedule_ids"],
  args: ["from", "limit", "before"],
  lua: `
local wanted, before_ms, rows, examined, start = tonumber(limit), tonumber(before), {}, 0, from == "-" and "-" or "(" .. from
repeat
  local ids = redis.call("ZRANGEBYLEX", schedule_ids, start, "+", "LIMIT", 0, 100)
  if #ids == 0 then return { rows, "" } end
  for i, record in ipairs(redis.call("HMGET", schedules, unpack(ids))) do
    local next = record and tonumber(string.match(record, "^A %S+ %S+ %S+ %S+ (%S+)"))
    if record and (not before_ms or (next and next <= before_ms)) then
      rows[#rows + 1] = { ids[i], string.match(record, "^[^\\n]*\\n[^\\n]*\\n[^\\n]*") }
      if #rows == wanted then return { rows, ids[i] } end
    end
  end
  examined, start = examined + #ids, "(" .. ids[#ids]
  if #ids < 100 then return { rows, "" } end
until examined >= 1000
return { rows, string.sub(start, 2) }`,
  parse: (reply): SchedulePage => {
    const [rows, last] = list(reply);
    return {
      schedules: list(rows).map((row) => {
        const [id, record] = list(row);
        return { id: text(id), text: text(record) };
      }),
      last: text(last) === "" ? null : text(last),
    };
  },
});
