import { expect, test } from "vitest";
import { createBatchLimit, maxResults } from "../../../../subscriber/outcome/batch-limit.ts";

test("quick callbacks leave the limit where it is", () => {
  const limit = createBatchLimit();
  for (const ms of [1, 100, 1_400, 2_900]) limit.succeeded(1, ms);
  expect(limit.results()).toBe(maxResults);
});

test("slow ones bring it to what takes three seconds, and quick ones double it again", () => {
  const limit = createBatchLimit();
  limit.succeeded(2_000, 4_000);
  expect(limit.results()).toBe(1_500);
  limit.succeeded(1_500, 2_000);
  expect(limit.results()).toBe(1_500);
  limit.succeeded(1_500, 1_000);
  expect(limit.results()).toBe(3_000);
  for (let count = 0; count < 10; count++) limit.succeeded(1, 1);
  expect(limit.results()).toBe(maxResults);
});

test("failures halve it, from what was sent, down to one", () => {
  const limit = createBatchLimit();
  limit.failed(500);
  expect(limit.results()).toBe(250);
  limit.failed(3);
  expect(limit.results()).toBe(1);
  limit.failed(1);
  expect(limit.results()).toBe(1);
  limit.succeeded(0, 9_000);
  expect(limit.results()).toBe(1);
});
