/** The script `lua/list-undelivered.lua`: the entries that it answers. */
import { listUndeliveredLua } from "../lua/generated.ts";
import { list, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** One outbox entry: results that the function has not recorded yet. */
export interface OutboxEntry {
  readonly entry: string;
  /** One result message or an array of them, JSON text. */
  readonly results: string;
}

/** The oldest entries that are at least `grace_ms` old; at most `limit`, and about 1 MiB together. */
export const listUndelivered = defineScript(listUndeliveredLua, (reply): readonly OutboxEntry[] =>
  list(reply).map((row) => {
    const [entry, results] = list(row);
    return { entry: text(entry), results: text(results) };
  }),
);
