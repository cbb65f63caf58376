/** Puts the results of an outbox entry that could not be recorded behind all others. */
import { setAsideLua } from "../lua/generated.ts";
import { list, word } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/**
 * List: for each new entry its results as JSON text, and the ids of their jobs, separated by spaces. Answers the ids of
 * the new entries; one null where the results have waited for too long and are dropped; none where there is no such entry.
 */
export const setAside = defineScript(setAsideLua, (reply): readonly (string | null)[] =>
  list(reply).map(word),
);
