/**
 * What a client that watches a job is told, in order and once, in one stream or in several that go on where the previous
 * one ended. Pure: what Redis answers → events.
 */
import type { JobEvent, JobLine } from "../../protocol/api/jobs.ts";
import { stampMs, type Stored } from "../../protocol/wire/record.ts";
import type { StoredReport } from "../../protocol/wire/report.ts";
import { encodeEventId, type ToldSoFar } from "./event-id.ts";
import { endedView, lineOf } from "./view.ts";

/** One server-sent event, and the id after which to go on. */
export type WatchEvent = JobEvent & { readonly id: string };

/** What remains to be told of one job. It reads nothing: the caller brings what Redis answered. */
export interface Watch {
  /** Whether there is nothing more to tell: its end has been told. */
  readonly isOver: boolean;
  /** Where the reports start that have not been told, as `JobLedger.reports` takes it. */
  readonly from: string;
  /** The events of reports that were made since `from`. */
  reported(reports: readonly StoredReport[]): readonly WatchEvent[];
  /** The events of a job and its reports, read in that order. The end of the job is told last. */
  found(now: Stored, reports: readonly StoredReport[]): readonly WatchEvent[];
}

/** Starts to tell of `job`, or goes on after `from` if that is an event of this very job. */
export function createWatch(
  { id, queue }: { readonly id: string; readonly queue: string },
  job: Stored,
  from: ToldSoFar | null,
): Watch {
  const isResumed = from !== null && from.accepted === job.accepted;
  let told: ToldSoFar = isResumed
    ? from
    : {
        entry: "0-0",
        count: 0,
        accepted: job.accepted,
        hasEnded: false,
        // No job runs without a delivery, so the first state differs and is told.
        deliveries: 0,
        state: "running",
      };
  let shown: JobLine = lineOf(id, queue, job);
  /** Whether all of the report at `told.entry` has been told. */
  let isWhole = !isResumed;
  /** Whether the progress that a report repeats may not have been told. */
  let isGap = true;

  function tell(event: JobEvent, next: Partial<ToldSoFar> = {}): WatchEvent {
    told = { ...told, ...next };
    return { ...event, id: encodeEventId(told) };
  }

  function tellState(line: JobLine): readonly WatchEvent[] {
    const { state, deliveries } = line;
    shown = line;
    if (state === told.state && deliveries === told.deliveries) return [];
    return [tell({ event: "state", data: line }, { state, deliveries })];
  }

  function tellReport(report: StoredReport): readonly WatchEvent[] {
    const { entry, attempt, node, token, lines = [], dropped, progress, moved } = report;
    const [accepted, delivery] = token.split(".");
    if (accepted !== job.accepted) return []; // of a job that had this id before
    const toldOfIt = entry === told.entry ? told.count : 0;
    if (toldOfIt > 0) isGap = false;
    const by = { attempt, node, at: new Date(stampMs(entry)).toISOString() };
    const deliveries = Number(delivery);
    const state =
      deliveries > shown.deliveries
        ? tellState({ ...shown, state: "running", node, retries: attempt - 1, deliveries })
        : [];
    const isProgressTold = moved === true || isGap;
    isGap = false;
    // Progress comes first, and takes a number even where it is not told: a client that has read a line does not need it.
    const parts: readonly (JobEvent | null)[] = [
      progress !== undefined && isProgressTold
        ? { event: "progress", data: { ...by, progress } }
        : null,
      ...lines.map((line) => ({ event: "log", data: { ...by, ...line } }) as const),
      dropped === undefined ? null : { event: "log", data: { ...by, dropped } },
    ];
    const events = parts.flatMap((part, at) =>
      part === null || at < toldOfIt ? [] : [tell(part, { entry, count: at + 1 })],
    );
    told = { ...told, entry, count: parts.length };
    return [...state, ...events];
  }

  function tellReports(reports: readonly StoredReport[]): readonly WatchEvent[] {
    const events = reports.flatMap(tellReport);
    isWhole = true;
    return events;
  }

  return {
    get isOver() {
      return told.hasEnded;
    },
    get from() {
      return isWhole ? `(${told.entry}` : told.entry;
    },
    reported: tellReports,
    found(now, reports) {
      const line = lineOf(id, queue, now);
      const ended = endedView(id, queue, now);
      if (ended === null) return [...tellState(line), ...tellReports(reports)];
      return [
        ...tellReports(reports),
        ...tellState(line),
        tell({ event: "result", data: ended }, { hasEnded: true }),
      ];
    },
  };
}
