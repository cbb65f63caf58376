/** Reads outbox entries that nobody has delivered for a while. Changes nothing. */
import { defineScript } from "../redis/script.ts";
import { clockLua } from "./lua/clock.ts";
import { list, text } from "../redis/reply.ts";

/** One outbox entry: results that the function has not recorded yet. */
export interface OutboxEntry {
  readonly entry: string;
  /** One result message or an array of them, JSON text. */
  readonly results: string;
}

/** The oldest entries that are at least `grace_ms` old; at most `limit`, and about 1 MiB together. */
export const listUndelivered = defineScript({
  name: "overdue",
  keys: ["outbox"],
  args: ["grace_ms", "limit", "clock"],
  uses: [clockLua],
  lua: `
local before = string.format("%.0f", read_clock() - tonumber(grace_ms))
local rows, bytes = {}, 0
for _, entry in ipairs(redis.call("XRANGE", outbox, "-", before, "COUNT", limit)) do
  bytes = bytes + #entry[2][2]
  if bytes > 1048576 and #rows > 0 then break end
  rows[#rows + 1] = { entry[1], entry[2][2] }
end
return rows`,
  parse: (reply): readonly OutboxEntry[] =>
    list(reply).map((row) => {
      const [entry, results] = list(row);
      return { entry: text(entry), results: text(results) };
    }),
});
