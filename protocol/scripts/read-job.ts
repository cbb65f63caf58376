/** Reads one job: its record, its result, and whether that result is recorded. Changes nothing. */
import { defineScript } from "../redis/script.ts";
import { list, text } from "../redis/reply.ts";
import { parseErrors, parseRecord, parseResultRecord, type Stored } from "../wire/record.ts";

/** `null` where the id is not known. */
export const readJob = defineScript({
  name: "read",
  keys: ["jobs", "results", "outbox", "errors"],
  args: ["id"],
  lua: `
local record = redis.call("HGET", jobs, id)
if not record then return {} end
local ended = redis.call("HGET", results, id)
local lines = redis.call("HGET", errors, id) or ""
if not ended then return { record, lines } end
local entry = string.match(ended, "^%S+ (%S+)")
local recorded = #redis.call("XRANGE", outbox, entry, entry) == 0
return { record, lines, ended, recorded and "1" or "0" }`,
  parse: (reply): Stored | null => {
    const [record, lines, ended, recorded] = list(reply);
    if (record === undefined) return null;
    const job = { ...parseRecord(text(record)), errors: parseErrors(text(lines)) };
    if (ended === undefined) return job;
    const end = { ...parseResultRecord(text(ended)), recorded: text(recorded) === "1" };
    return { ...job, state: end.state, ended: end };
  },
});
