/** The script `lua/read-history.lua`: the history that it answers. */
import { readHistoryLua } from "../lua/generated.ts";
import { list, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** Lines of JSON, newest first, and the state or phase of each job that they name; empty if the job is deleted. */
export interface HistoryReply {
  readonly lines: readonly string[];
  readonly states: ReadonlyMap<string, string>;
}

/** Reads as many jobs as the history names. */
export const readHistory = defineScript(readHistoryLua, (reply): HistoryReply => {
  const [lines, states] = list(reply);
  const pairs = list(states).flatMap((id, at, all): [string, string][] =>
    at % 2 === 0 ? [[text(id), text(all[at + 1])]] : [],
  );
  return { lines: list(lines).map(text), states: new Map(pairs) };
});
