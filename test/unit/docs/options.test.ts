/** The tables of options in docs/jobs.md and docs/schedules.md, held to the schemas that check the options. */
import { expect, test } from "vitest";
import { jobOptions, runOptions } from "../../../protocol/wire/job-options.ts";
import { documents } from "../../support/documents.ts";

/** The rows of the first table under a heading or at the top, each as its cells. */
function firstTable(file: string): readonly (readonly string[])[] {
  const text = documents().find((each) => each.file === file)?.text ?? "";
  const [table = ""] = /(?:^\|.*\n)+/m.exec(text) ?? [];
  return table
    .trimEnd()
    .split("\n")
    .slice(2)
    .map((row) => row.split("|").map((cell) => cell.trim()));
}

const namesIn = (text: string) => [...text.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);

test("docs/jobs.md lists the options that a job may have, and no other", () => {
  const listed = firstTable("docs/jobs.md").flatMap(([, option = ""]) => namesIn(option));
  expect(listed.sort()).toEqual(["name", "payload", ...Object.keys(jobOptions)].sort());
});

test("docs/schedules.md lists the options that the job of a run may have, and no other", () => {
  const row = firstTable("docs/schedules.md").find(([, option = ""]) =>
    option.startsWith("`name`"),
  );
  const listed = namesIn((row ?? []).join(" "));
  expect(listed.sort()).toEqual(["name", "payload", ...Object.keys(runOptions)].sort());
});

test("docs/jobs.md states how many attempts are allowed", () => {
  const row = firstTable("docs/jobs.md").find(([, option = ""]) => option.includes("`attempts`"));
  const [, least, most] = /(\d+) to (\d+)/.exec((row ?? []).join(" ")) ?? [];
  for (const attempts of [least, most].map(Number))
    expect(jobOptions.attempts.safeParse(attempts).success).toBe(true);
  expect(jobOptions.attempts.safeParse(Number(least) - 1).success).toBe(false);
  expect(jobOptions.attempts.safeParse(Number(most) + 1).success).toBe(false);
});
