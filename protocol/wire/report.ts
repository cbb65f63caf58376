/** What a handler reports of the attempt it runs: its progress and log lines, many calls in one report. */
import type { Json } from "./json.ts";
import { list, text } from "../redis/reply.ts";
import type { Reply } from "../redis/port.ts";

/** Reports kept of one job, newest. */
export const maxReports = 50;
/** Log lines in one report; those beyond are counted. */
export const maxReportLines = 20;
/** Bytes of all log lines of one report; lines beyond are counted. */
export const maxReportBytes = 4_096;
/** Bytes of one progress value, as JSON. */
export const maxProgressBytes = 1_024;

/** One call of the handler's log. */
export interface ReportLine {
  readonly level: "info" | "warn";
  readonly message: string;
  readonly fields?: Readonly<Record<string, Json>>;
  /** Set where the message was cut, or fields too large were left out. */
  readonly cut?: true;
}

/** What one attempt reported within about a second. */
export interface Report {
  readonly attempt: number;
  readonly node: string;
  /** Of the delivery, as in the envelope. */
  readonly token: string;
  /** The latest progress of the attempt; absent if it told none. */
  readonly progress?: Json;
  /** Whether `progress` was told since the report before. */
  readonly moved?: true;
  readonly lines?: readonly ReportLine[];
  /** Lines that were left out. */
  readonly dropped?: number;
}

/** A report as the ledger keeps it. */
export interface StoredReport extends Report {
  /** Stream id, `<ms>-<n>`, by Redis's clock. */
  readonly entry: string;
}

/** Reads what `XRANGE` answers. @throws SignalboxError `reply_unexpected`, SyntaxError */
export function parseReports(reply: Reply): readonly StoredReport[] {
  return list(reply).map((item) => {
    const [entry, fields] = list(item);
    return { ...(JSON.parse(text(list(fields)[1])) as Report), entry: text(entry) };
  });
}
