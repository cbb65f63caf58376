import { describe, test } from "vitest";
import {
  createTableBuffer,
  createTableReader,
  createTableWriter,
} from "../../../../subscriber/guard/table.ts";

function open(places = 3) {
  const size = { places, assignments: 2 };
  const buffer = createTableBuffer(size);
  return { writer: createTableWriter(buffer, size), reader: createTableReader(buffer, size) };
}

describe("the table of the guard", () => {
  test("shows what runs, and nothing that has ended", ({ expect }) => {
    const { writer, reader } = open();
    const first = writer.add(0, "a 1-0.1 1", 5, 65);
    const second = writer.add(1, "b 2-0.1 gpu", 6.25, Infinity);
    writer.remove(first);
    expect(reader.list()).toMatchObject([
      { place: second, assignment: 1, member: "b 2-0.1 gpu", startedAt: 6.25, endsAt: Infinity },
    ]);
    writer.remove(second);
    expect(reader.list()).toEqual([]);
  });

  test("tells an attempt from the next one in its place", ({ expect }) => {
    const { writer, reader } = open(1);
    writer.remove(writer.add(0, "long-member-of-the-first 1-0.1 1", 0, 1));
    const [before] = [reader.list()[0], writer.add(0, "x 1-0.1 1", 0, 1)];
    expect(before).toBeUndefined();
    const [x] = reader.list();
    if (x === undefined) throw new Error("expected an attempt");
    expect(x.member).toBe("x 1-0.1 1");
    writer.remove(x.place);
    writer.add(0, "x 1-0.2 1", 0, 1);
    expect(reader.has(x)).toBe(false);
    expect(reader.list()[0]?.state).not.toBe(x.state);
  });

  test("has no place for more attempts than it holds, until one is free", ({ expect }) => {
    const { writer, reader } = open(2);
    const places = ["a", "b", "c"].map((id) => writer.add(0, `${id} 1-0.1 1`, 0, 1));
    expect(places.map((place) => place >= 0)).toEqual([true, true, false]);
    writer.remove(-1);
    writer.remove(places[0] ?? -1);
    expect(writer.add(0, "c 1-0.1 1", 0, 1)).toBe(places[0]);
    expect(reader.list().map(({ member }) => member)).toEqual(["c 1-0.1 1", "b 1-0.1 1"]);
  });

  test("holds the longest member that there is, and refuses a longer one", ({ expect }) => {
    const { writer, reader } = open(1);
    const longest = `${"i".repeat(128)} 1795491821696-123456.1000 ${"n".repeat(64)}`;
    const place = writer.add(0, longest, 0, 1);
    expect(reader.list()[0]?.member).toBe(longest);
    writer.remove(place);
    expect(writer.add(0, "i".repeat(300), 0, 1)).toBe(-1);
    expect(writer.add(0, "é".repeat(128), 0, 1)).toBe(place);
  });

  test("awaits no sign of life before the first", ({ expect }) => {
    const { writer, reader } = open();
    expect(reader.beatAt()).toBe(Infinity);
    writer.beat(250);
    expect(reader.beatAt()).toBe(250);
    expect(reader.epochOf(1)).toBe(0);
    writer.joined(1, 1_795_491_821_696);
    expect(reader.epochOf(1)).toBe(1_795_491_821_696);
  });

  test("lets nobody sleep where there is something to do, or once it is stopped", ({ expect }) => {
    const { writer, reader } = open();
    let asked = 0;
    reader.sleep(() => ++asked === 0);
    writer.stop();
    reader.sleep(() => ++asked > 0);
    reader.wait(60_000);
    expect([asked, reader.isStopped()]).toEqual([2, true]);
  });
});
