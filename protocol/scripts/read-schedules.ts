/** Reads schedules by id, and the time. Changes nothing. */
import { defineScript } from "../redis/script.ts";
import { clockLua } from "./lua/clock.ts";
import { list, number, text } from "../redis/reply.ts";

/** List: ids. Answers the records in their order; null where there is none. */
export const readSchedules = defineScript({
  name: "read-schedules",
  keys: ["schedules"],
  args: ["clock"],
  uses: [clockLua],
  lua: `
local records = redis.call("HMGET", schedules, unpack(ARGV, first))
return { string.format("%.0f", read_clock()), records }`,
  parse: (reply): { readonly nowMs: number; readonly records: readonly (string | null)[] } => {
    const [now, records] = list(reply);
    return {
      nowMs: number(now),
      records: list(records).map((record) => (record === null ? null : text(record))),
    };
  },
});
