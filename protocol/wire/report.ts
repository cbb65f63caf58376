/** Reports: progress and log lines of a running attempt. Many calls of a handler's log are sent as one report. */
import type { Json } from "./json.ts";

/** How many reports of one job are kept: the newest. */
export const maxReports = 50;
/** Log lines in one report; further lines are only counted. */
export const maxReportLines = 20;
/** Bytes of all log lines of one report; further lines are only counted. */
export const maxReportBytes = 4_096;
/** Bytes of one progress value, as JSON. */
export const maxProgressBytes = 1_024;

/** One call of the handler's log. */
export interface ReportLine {
  readonly level: "info" | "warn";
  readonly message: string;
  readonly fields?: Readonly<Record<string, Json>>;
  /** Set if the message was cut, or if fields that were too large were left out. */
  readonly cut?: true;
}

/** What one attempt reported within about a second. */
export interface Report {
  readonly attempt: number;
  readonly node: string;
  /** Token of the delivery, as in the envelope. */
  readonly token: string;
  /** The latest progress of the attempt; absent if it reported none. */
  readonly progress?: Json;
  /** Set if `progress` has changed since the previous report. */
  readonly moved?: true;
  readonly lines?: readonly ReportLine[];
  /** How many lines were left out. */
  readonly dropped?: number;
}

/** A report as the ledger keeps it. */
export interface StoredReport extends Report {
  /** Stream id, `<ms>-<n>`, by Redis's clock. */
  readonly entry: string;
}
