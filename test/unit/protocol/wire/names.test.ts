import { describe, expect, test } from "vitest";
import {
  createJobIds,
  jobIdPattern,
  jobNamePattern,
  newJobId,
  nodeNamePattern,
  queueNamePattern,
} from "../../../../protocol/wire/names.ts";

test.each([
  ["one by one", newJobId],
  ["many", createJobIds()],
])("job ids made %s are all different and valid", (_, make) => {
  const ids = Array.from({ length: 2_000 }, make);
  expect(new Set(ids).size).toBe(2_000);
  for (const id of ids) {
    expect(id).toHaveLength(16);
    expect(id).toMatch(jobIdPattern);
  }
});

describe("names", () => {
  const patterns = { jobIdPattern, jobNamePattern, nodeNamePattern, queueNamePattern };

  test.each(Object.entries(patterns))(
    "%s lets nothing through that needs escaping",
    (_, pattern) => {
      for (const bad of [
        "",
        " ",
        "a b",
        "a,b",
        "a{b",
        "a}b",
        'a"b',
        "a\\b",
        "a\nb",
        "a\n",
        "ü",
        "\0",
      ]) {
        expect(pattern.test(bad), JSON.stringify(bad)).toBe(false);
      }
      expect(pattern.test("Az09._-")).toBe(true);
    },
  );

  test("are bounded in length", () => {
    expect(jobIdPattern.test("x".repeat(128))).toBe(true);
    for (const [pattern, limit] of [
      [jobIdPattern, 128],
      [jobNamePattern, 64],
      [nodeNamePattern, 64],
      [queueNamePattern, 64],
    ] as const) {
      expect(pattern.test("x".repeat(limit))).toBe(true);
      expect(pattern.test("x".repeat(limit + 1))).toBe(false);
    }
  });

  test("are made fresh, valid and different", () => {
    const ids = Array.from({ length: 1_000 }, newJobId);
    expect(new Set(ids).size).toBe(1_000);
    expect(ids.every((id) => jobIdPattern.test(id) && id.length === 16)).toBe(true);
  });
});
