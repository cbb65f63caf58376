import { expect, test } from "vitest";
import { shareOf } from "../../../functions/tick.ts";

const minute = 60_000;
const queues = (count: number) => Array.from({ length: count }, (_, at) => `queue-${at}`);

test("a tick looks at all queues while they are few", () => {
  expect(shareOf(queues(25), 7 * minute)).toEqual(queues(25));
});

test("of many queues each tick looks at the next ones, whatever order they come in", () => {
  const all = queues(60);
  const looks = [7, 8, 9].map((at) => shareOf(at === 8 ? [...all].reverse() : all, at * minute));
  expect(looks.map((look) => new Set(look).size)).toEqual([25, 25, 25]);
  expect(new Set(looks.flat())).toEqual(new Set(all));
});
