/** The script `lua/read-job.lua`: the job that it answers. */
import { readJobLua } from "../lua/generated.ts";
import { list, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";
import { parseErrors, parseRecord, parseResultRecord, type Stored } from "../wire/record.ts";

/** `null` if the id is not known. */
export const readJob = defineScript(readJobLua, (reply): Stored | null => {
  const [record, lines, ended, recorded] = list(reply);
  if (record === undefined) return null;
  const job = { ...parseRecord(text(record)), errors: parseErrors(text(lines)) };
  if (ended === undefined) return job;
  const end = { ...parseResultRecord(text(ended)), recorded: text(recorded) === "1" };
  return { ...job, state: end.state, ended: end };
});
