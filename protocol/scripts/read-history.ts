/** Reads the history of a schedule, and what became of its runs. Changes nothing. */
import { readHistoryLua } from "../lua/generated.ts";
import { list, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** Lines of JSON, newest first, and for each that names a job its state or phase; empty if it is forgotten. */
export interface HistoryReply {
  readonly lines: readonly string[];
  readonly states: ReadonlyMap<string, string>;
}

export const readHistory = defineScript(readHistoryLua, (reply): HistoryReply => {
  const [lines, states] = list(reply).map((each) => list(each).map(text));
  const pairs = (states ?? []).flatMap((word, at, all): [string, string][] =>
    at % 2 === 0 ? [[word, all[at + 1] ?? ""]] : [],
  );
  return { lines: lines ?? [], states: new Map(pairs) };
});
