/** The README stays what a stranger reads in one go, and every document can be found from the map. */
import { expect, test } from "vitest";
import { documents } from "../../support/documents.ts";

const all = documents();

function textOf(file: string): string {
  const found = all.find((each) => each.file === file);
  if (found === undefined) throw new Error(`${file} does not exist`);
  return found.text;
}

test("has at most 150 lines, and no table row beyond 140 characters", () => {
  const lines = textOf("README.md").trimEnd().split("\n");
  expect(lines.length).toBeLessThanOrEqual(150);
  expect(lines.filter((line) => line.startsWith("|") && line.length > 140)).toEqual([]);
});

test("the map in docs/README.md lists every document", () => {
  const listed = textOf("docs/README.md");
  const missing = all
    .filter(({ file }) => /^docs\/[^/]+\.md$/.test(file) && file !== "docs/README.md")
    .filter(({ file }) => !listed.includes(`(${file.slice("docs/".length)})`));
  expect(missing.map(({ file }) => file)).toEqual([]);
});

test("the list of decisions has every decision, numbered without gaps", () => {
  const listed = textOf("docs/decisions/README.md");
  const files = all
    .map(({ file }) => file.replace("docs/decisions/", ""))
    .filter((file) => /^\d{3}-/.test(file))
    .sort();
  expect(files.filter((file) => !listed.includes(`(${file})`))).toEqual([]);
  expect(files.map((file) => Number(file.slice(0, 3)))).toEqual(files.map((_, at) => at + 1));
});
