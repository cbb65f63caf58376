import { test } from "vitest";
import { currentSettings, deprecatedSettings } from "../../../../protocol/settings/aliases.ts";

test("says in one sentence which old names are set", ({ expect }) => {
  expect(deprecatedSettings({ SIGNALBOX_UNACKNOWLEDGED_MS: "1000", OTHER: "x" })).toEqual([]);
  expect(deprecatedSettings({ SIGNALBOX_UNHEARD_MS: "1000" })).toEqual([
    "SIGNALBOX_UNHEARD_MS is the old name of SIGNALBOX_UNACKNOWLEDGED_MS and stops working in the next release",
  ]);
});

test("a variable that is set to nothing counts as set, under its old name too", ({ expect }) => {
  const { env, givenName } = currentSettings({ SIGNALBOX_UNHEARD_MS: "" });
  expect(env["SIGNALBOX_UNACKNOWLEDGED_MS"]).toBe("");
  expect(givenName("SIGNALBOX_UNACKNOWLEDGED_MS")).toBe("SIGNALBOX_UNHEARD_MS");
});

test("a clash names both and shows no value", ({ expect }) => {
  const { problems } = currentSettings({
    SIGNALBOX_UNHEARD_MS: "1234",
    SIGNALBOX_UNACKNOWLEDGED_MS: "5678",
  });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/SIGNALBOX_UNACKNOWLEDGED_MS: .*SIGNALBOX_UNHEARD_MS/);
  expect(problems[0]).not.toMatch(/1234|5678/);
});
