import { test } from "vitest";
import { currentSettings, deprecatedSettings } from "../../../../protocol/settings/aliases.ts";

test("says in one sentence which old names are set", ({ expect }) => {
  expect(deprecatedSettings({ SIGNALBOX_UNACKNOWLEDGED_MS: "1000", OTHER: "x" })).toEqual([]);
  expect(deprecatedSettings({ SIGNALBOX_UNHEARD_MS: "1000" })).toEqual([
    "SIGNALBOX_UNHEARD_MS is the old name of SIGNALBOX_UNACKNOWLEDGED_MS and stops working in the next release",
  ]);
});

test("a variable that is set to nothing counts as not set, under its old name too", ({
  expect,
}) => {
  for (const nothing of ["", " ", "\t\n"]) {
    const { env, givenName } = currentSettings({ SIGNALBOX_UNHEARD_MS: nothing, OTHER: nothing });
    expect(env).toEqual({});
    expect(givenName("SIGNALBOX_UNACKNOWLEDGED_MS")).toBe("SIGNALBOX_UNACKNOWLEDGED_MS");
    expect(deprecatedSettings({ SIGNALBOX_UNHEARD_MS: nothing })).toEqual([]);
    const both = { SIGNALBOX_UNHEARD_MS: "1000", SIGNALBOX_UNACKNOWLEDGED_MS: nothing };
    expect(currentSettings(both)).toMatchObject({
      env: { SIGNALBOX_UNACKNOWLEDGED_MS: "1000" },
      problems: [],
    });
  }
});

test("a secret that failed to arrive is not taken for one that nobody set", ({ expect }) => {
  expect(currentSettings({ SIGNALBOX_ENVELOPE_SECRET: "" }).env).toEqual({
    SIGNALBOX_ENVELOPE_SECRET: "",
  });
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
