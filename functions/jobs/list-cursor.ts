/**
 * Cursors of the list of all jobs, newest first, and how the pages of several queues become one.
 *
 * Order: index entry (a stream id, `<ms>-<n>`) descending, queue ascending, place in the entry
 * descending. A cursor is the place of the last job that was shown, or last examined.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { Listed, Page } from "../../protocol/scripts/list-jobs.ts";

export interface ListCursor {
  readonly entry: string;
  readonly queue: string;
  readonly place: number;
}

/** Where one queue's page starts: after (older than) this. */
export interface Start {
  readonly entry: string;
  readonly place: number;
}

/** More than any entry has places: all of it is still to come. */
const allPlaces = 1_000_000_000;

/** Negative where `a` comes first, that is, where it is newer. */
export function compare(a: ListCursor, b: ListCursor): number {
  const [aMs, aSeq] = numbers(a.entry);
  const [bMs, bSeq] = numbers(b.entry);
  if (aMs !== bMs) return bMs - aMs;
  if (aSeq !== bSeq) return bSeq - aSeq;
  if (a.queue !== b.queue) return a.queue < b.queue ? -1 : 1;
  return b.place - a.place;
}

function numbers(entry: string): readonly [number, number] {
  const [ms = "0", seq = "0"] = entry.split("-");
  return [Number(ms), Number(seq)];
}

/** Where `queue` goes on after `cursor`, which names a job of any queue. */
export function startOf(cursor: ListCursor | null, queue: string): Start {
  if (cursor === null) return { entry: "+", place: 0 };
  const { entry } = cursor;
  if (queue === cursor.queue) return { entry, place: cursor.place };
  // Of the same entry, a queue that sorts before has been shown, one that sorts after has not.
  return { entry, place: queue < cursor.queue ? 1 : allPlaces };
}

/**
 * The first `limit` of all queues' jobs. A page that stopped early (`next`) says nothing of what
 * is older, so nothing older than the newest such stop may be shown yet.
 */
export function merge(
  pages: readonly { readonly queue: string; readonly value: Page }[],
  limit: number,
): {
  readonly rows: readonly { readonly queue: string; readonly job: Listed }[];
  readonly next: ListCursor | null;
} {
  const [horizon] = pages
    .flatMap(({ queue, value }) => (value.next === null ? [] : { queue, ...value.next }))
    .sort(compare);
  const known = pages
    .flatMap(({ queue, value }) => value.jobs.map((job) => ({ queue, job, at: { queue, ...job } })))
    .sort((a, b) => compare(a.at, b.at))
    .filter(({ at }) => horizon === undefined || compare(at, horizon) <= 0);
  const rows = known.slice(0, limit);
  const last = rows.at(-1);
  const cut = known.length > rows.length && last !== undefined;
  return { rows, next: cut ? last.at : (horizon ?? null) };
}

/** Opaque to callers. */
export function encodeCursor({ entry, queue, place }: ListCursor): string {
  return btoa(`${entry} ${queue} ${place}`)
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** @throws SignalboxError `invalid_request` */
export function decodeCursor(cursor: string): ListCursor {
  let text = "";
  try {
    text = atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    // Refused below.
  }
  const found = /^(\d{1,15}-\d{1,19}) ([A-Za-z0-9._-]{1,64}) (\d{1,9})$/.exec(text);
  const [, entry, queue, place] = found ?? [];
  if (entry === undefined || queue === undefined) {
    throw new SignalboxError("invalid_request", "cursor: expected the cursor of an earlier page");
  }
  return { entry, queue, place: Number(place) };
}
