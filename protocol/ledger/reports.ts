/** Reads reports back from the stream in which the script `report` stores them. */
import type { Reply } from "../redis/port.ts";
import { list, text } from "../redis/reply.ts";
import type { Report, StoredReport } from "../wire/report.ts";

/**
 * Reads what `XRANGE` answers: stream ids, each with one field and its value.
 * @throws SignalboxError `reply_unexpected`
 * @throws SyntaxError if a report is not JSON
 */
export function parseReports(reply: Reply): readonly StoredReport[] {
  return list(reply).map((item) => {
    const [entry, fields] = list(item);
    const [, report] = list(fields);
    return { ...(JSON.parse(text(report)) as Report), entry: text(entry) };
  });
}
