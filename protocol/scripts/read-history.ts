/** Reads the history of a schedule, and what became of its runs. Changes nothing. */
import { defineScript } from "../redis/script.ts";
import { list, text } from "../redis/reply.ts";

/** Lines of JSON, newest first, and for each that names a job its state or phase; empty if it is forgotten. */
export interface HistoryReply {
  readonly lines: readonly string[];
  readonly states: ReadonlyMap<string, string>;
}

export const readHistory = defineScript({
  name: "read-history",
  keys: ["history", "jobs", "results"],
  args: ["id"],
  lua: `
local lines, ids, states = {}, {}, {}
for line in string.gmatch(redis.call("HGET", history, id) or "", "[^\\n]+") do
  lines[#lines + 1] = line
  ids[#ids + 1] = string.match(line, '"id":"([^"]+)"')
end
if #ids > 0 then
  local records, endings = redis.call("HMGET", jobs, unpack(ids)), redis.call("HMGET", results, unpack(ids))
  for i, run in ipairs(ids) do
    states[#states + 1] = run
    states[#states + 1] = string.match(endings[i] or records[i] or "", "^%S+") or ""
  end
end
return { lines, states }`,
  parse: (reply): HistoryReply => {
    const [lines, states] = list(reply).map((each) => list(each).map(text));
    const pairs = (states ?? []).flatMap((word, at, all): [string, string][] =>
      at % 2 === 0 ? [[word, all[at + 1] ?? ""]] : [],
    );
    return { lines: lines ?? [], states: new Map(pairs) };
  },
});
