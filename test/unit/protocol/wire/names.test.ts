import { expect, test } from "vitest";
import { createJobIds, jobIdPattern, newJobId } from "../../../../protocol/wire/names.ts";

test.each([
  ["one by one", newJobId],
  ["many", createJobIds()],
])("job ids, made %s, are all different and fit everywhere", (_, make) => {
  const ids = Array.from({ length: 2_000 }, make);
  expect(new Set(ids).size).toBe(2_000);
  for (const id of ids) {
    expect(id).toHaveLength(16);
    expect(id).toMatch(jobIdPattern);
  }
});
