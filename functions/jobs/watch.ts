/**
 * What those who watch a job are told, in order and once, whether in one stream or in several that go on
 * where the one before ended. Pure: what Redis answers → events.
 */
import { stampMs, type Stored } from "../../protocol/wire/record.ts";
import type { StoredReport } from "../../protocol/wire/report.ts";
import { jobView, stateLine, type JobLine } from "./view.ts";
import { encodeEventId, type ToldSoFar } from "./event-id.ts";

/** One server-sent event. */
export interface WatchEvent {
  readonly event: "state" | "progress" | "log" | "result";
  /** Where to go on after it. */
  readonly id: string;
  readonly data: object;
}

/** See `createWatch`. */
export type Watch = ReturnType<typeof createWatch>;

/** Starts to tell of `job`, or goes on after `from` if that is a position of this very job. */
export function createWatch(
  { id, queue }: { readonly id: string; readonly queue: string },
  job: Stored,
  from: ToldSoFar | null,
) {
  const isResumed = from !== null && from.accepted === job.accepted;
  let position: ToldSoFar = isResumed
    ? from
    : {
        ...{ entry: "0-0", count: 0, accepted: job.accepted, hasEnded: false },
        // No job is in this state with no delivery: the first state is told.
        ...{ deliveries: 0, state: "running" },
      };
  let shown: JobLine = stateLine(id, queue, job);
  /** Whether all of the report at `position` has been told. */
  let isWhole = !isResumed;
  /** Whether the progress that a report repeats may not have been told. */
  let isGap = true;

  function tell(
    event: WatchEvent["event"],
    data: object,
    next: Partial<ToldSoFar> = {},
  ): WatchEvent {
    position = { ...position, ...next };
    return { event, id: encodeEventId(position), data };
  }

  function tellState(line: JobLine): readonly WatchEvent[] {
    const { state, deliveries } = line;
    shown = line;
    if (state === position.state && deliveries === position.deliveries) return [];
    return [tell("state", line, { state, deliveries })];
  }

  function tellReport(report: StoredReport): readonly WatchEvent[] {
    const { entry, attempt, node, token, lines = [], dropped, progress, moved } = report;
    const [accepted = "", delivery = ""] = token.split(".");
    if (accepted !== job.accepted) return []; // of a job that had this id before
    const told = entry === position.entry ? position.count : 0;
    if (told > 0) isGap = false;
    const of = { attempt, node, at: new Date(stampMs(entry)).toISOString() };
    const deliveries = Number(delivery);
    const state =
      deliveries > shown.deliveries
        ? tellState({ ...shown, state: "running", node, retries: attempt - 1, deliveries })
        : [];
    // First, and numbered even where it is not told: whoever has heard a line needs it no more.
    const hasProgress = progress !== undefined && (moved === true || isGap);
    isGap = false;
    const parts: readonly (readonly [WatchEvent["event"], object] | null)[] = [
      hasProgress ? ["progress", { ...of, progress }] : null,
      ...lines.map((line) => ["log", { ...of, ...line }] as const),
      dropped === undefined ? null : ["log", { ...of, dropped }],
    ];
    const events = parts.flatMap((part, at) =>
      part === null || at < told ? [] : [tell(part[0], part[1], { entry, count: at + 1 })],
    );
    position = { ...position, entry, count: parts.length };
    return [...state, ...events];
  }

  function tellReports(reports: readonly StoredReport[]): readonly WatchEvent[] {
    const events = reports.flatMap(tellReport);
    isWhole = true;
    return events;
  }

  return {
    /** Whether there is nothing more to tell: its end has been told. */
    get isOver() {
      return position.hasEnded;
    },
    /** Where the reports start that have not been told, as `Ledger.reports` wants it. */
    get from() {
      return isWhole ? `(${position.entry}` : position.entry;
    },
    /** Reports that were made since `from`. */
    reported: tellReports,
    /** The job, and then the reports, as they were found. What has ended is told last. */
    found(now: Stored, reports: readonly StoredReport[]): readonly WatchEvent[] {
      const line = stateLine(id, queue, now);
      if (now.ended === undefined) return [...tellState(line), ...tellReports(reports)];
      return [
        ...tellReports(reports),
        ...tellState(line),
        tell("result", jobView(id, queue, now), { hasEnded: true }),
      ];
    },
  };
}
