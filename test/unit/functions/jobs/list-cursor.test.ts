import fc from "fast-check";
import { describe, test } from "vitest";
import {
  compare,
  decodeCursor,
  encodeCursor,
  type ListCursor,
  merge,
  startOf,
} from "../../../../functions/jobs/list-cursor.ts";
import type { Listed, Page } from "../../../../protocol/scripts/list-jobs.ts";

const row = (entry: string, place: number): Listed => ({
  id: `${entry}.${place}`,
  entry,
  place,
  record: "",
  ended: null,
});
const page = (queue: string, rows: readonly Listed[], next: Page["next"] = null) => ({
  queue,
  value: { jobs: rows, next },
});

test("positions are compared as numbers, newest first", ({ expect }) => {
  const sorted: readonly ListCursor[] = [
    { entry: "1000-2", queue: "a", place: 1 },
    { entry: "999-10", queue: "a", place: 1 },
    { entry: "999-9", queue: "a", place: 10 },
    { entry: "999-9", queue: "a", place: 9 },
    { entry: "999-9", queue: "b", place: 30 },
    { entry: "99-1000", queue: "a", place: 1 },
  ];
  expect([...sorted].reverse().sort(compare)).toEqual(sorted);
});

test("a cursor starts each queue where it has to go on", ({ expect }) => {
  const cursor = { entry: "5-0", queue: "b", place: 7 };
  expect(startOf(null, "b")).toEqual({ entry: "+", place: 0 });
  expect(startOf(cursor, "b")).toEqual({ entry: "5-0", place: 7 });
  expect(startOf(cursor, "a")).toEqual({ entry: "5-0", place: 1 });
  expect(startOf(cursor, "c").place).toBeGreaterThan(1_000_000);
});

describe("merge", () => {
  test("ends where nothing is left", ({ expect }) => {
    const { rows, next } = merge([page("a", [row("2-0", 1)]), page("b", [row("3-0", 1)])], 2);
    expect(rows.map(({ queue }) => queue)).toEqual(["b", "a"]);
    expect(next).toBeNull();
  });

  test("goes on after the last row shown", ({ expect }) => {
    const { rows, next } = merge([page("a", [row("2-0", 1)]), page("b", [row("3-0", 1)])], 1);
    expect(rows).toHaveLength(1);
    expect(next).toMatchObject({ entry: "3-0", queue: "b", place: 1 });
  });

  test("shows nothing older than where a queue was read to", ({ expect }) => {
    const cut = page("a", [row("9-0", 1)], { entry: "5-0", place: 3 });
    const whole = page("b", [row("6-0", 1), row("5-0", 1), row("1-0", 1)]);
    const { rows, next } = merge([cut, whole], 10);
    expect(rows.map(({ job }) => job.entry)).toEqual(["9-0", "6-0"]);
    expect(next).toEqual({ entry: "5-0", queue: "a", place: 3 });
  });

  test("goes on from an empty page", ({ expect }) => {
    const { rows, next } = merge([page("a", [], { entry: "5-0", place: 3 })], 10);
    expect(rows).toEqual([]);
    expect(next).toEqual({ entry: "5-0", queue: "a", place: 3 });
  });
});

/** A queue's page as the script makes it: after `start`, at most `examine` looked at. */
function readPage(all: readonly ListCursor[], cursor: ListCursor | null, limits: Limits): Page {
  const [queue = ""] = all.map((each) => each.queue);
  const start = startOf(cursor, queue);
  const rest = all.filter(({ entry, place }) =>
    start.entry === "+" || entry === start.entry
      ? start.entry === "+" || place < start.place
      : compare({ entry, queue, place: 0 }, { entry: start.entry, queue, place: 0 }) > 0,
  );
  const jobs: Listed[] = [];
  for (const [at, { entry, place }] of rest.entries()) {
    if (limits.matches(entry, place)) jobs.push(row(entry, place));
    if (jobs.length === limits.limit || at + 1 >= limits.examine) {
      return { jobs, next: { entry, place } };
    }
  }
  return { jobs, next: null };
}

interface Limits {
  readonly limit: number;
  readonly examine: number;
  readonly matches: (entry: string, place: number) => boolean;
}

test("pages over any queues show every match once and in order", ({ expect }) => {
  const entry = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 11 }));
  const queue = fc.array(fc.tuple(entry, fc.integer({ min: 1, max: 4 })), { maxLength: 12 });
  fc.assert(
    fc.property(
      fc.array(queue, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 9 }),
      (queues, limit, examine) => {
        const filled = queues.map((entries, at) => positions(`q${at}`, entries));
        const matches = (stamp: string, place: number) => (stamp.length + place) % 3 !== 0;
        const expected = filled
          .flat()
          .filter((each) => matches(each.entry, each.place))
          .sort(compare);
        const shown: ListCursor[] = [];
        let cursor: ListCursor | null = null;
        for (let pages = 0; pages === 0 || cursor !== null; pages++) {
          if (pages > 500) throw new Error("expected the pages to end");
          const read = filled.map((all, at) => ({
            queue: `q${at}`,
            value: readPage(all, cursor, { limit, examine, matches }),
          }));
          const { rows, next } = merge(read, limit);
          expect(rows.length).toBeLessThanOrEqual(limit);
          shown.push(...rows.map(({ queue: name, job }) => ({ ...job, queue: name })));
          cursor = next === null ? null : decodeCursor(encodeCursor(next));
        }
        expect(
          shown.map(({ entry: at, queue: of, place }) => ({ entry: at, queue: of, place })),
        ).toEqual(expected);
      },
    ),
  );
});

/** Every place of every entry, newest first. */
function positions(
  queue: string,
  entries: readonly (readonly [readonly [number, number], number])[],
): readonly ListCursor[] {
  const sizes = new Map(entries.map(([[ms, seq], size]) => [`${ms}-${seq}`, size]));
  return [...sizes]
    .flatMap(([entry, size]) =>
      Array.from({ length: size }, (_, at) => ({ entry, queue, place: at + 1 })),
    )
    .sort(compare);
}

test("a cursor is text that any URL takes, and comes back as it was", ({ expect }) => {
  for (const queue of ["default", "a", "ab", "abc", "x".repeat(64)]) {
    const position = { entry: "1795491821704-12", queue, place: 1_000 };
    const cursor = encodeCursor(position);
    expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(decodeCursor(cursor)).toEqual(position);
  }
});

test("a cursor that is none is refused", ({ expect }) => {
  const none = ["", "x", "%%%", btoa("5-0 q"), btoa("5 q 1"), btoa("5-0 {q} 1"), btoa("5-0 q -1")];
  for (const cursor of [...none, btoa("5-99999999999999999999 q 1")]) {
    expect(() => decodeCursor(cursor)).toThrow("expected the cursor of an earlier page");
  }
});
