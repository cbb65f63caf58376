/** The script `lua/list-failed.lua`: its arguments and the page that it answers. */
import { listFailedLua } from "../lua/generated.ts";
import { list, number, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** One failed job. */
export interface FailedJob {
  readonly id: string;
  readonly failedAtMs: number;
  /** The head of its record, and its whole result record. */
  readonly record: string;
  readonly ended: string;
}

/** Starts at offset `offset` of the set. Answers at most `limit` jobs and about 4 MiB a call. */
export const listFailed = defineScript(
  listFailedLua,
  (reply): { readonly examined: number; readonly jobs: readonly FailedJob[] } => {
    const [examined, rows] = list(reply);
    return {
      examined: number(examined),
      jobs: list(rows).map((row) => {
        const [id, at, record, ended] = list(row);
        return { id: text(id), failedAtMs: number(at), record: text(record), ended: text(ended) };
      }),
    };
  },
);
