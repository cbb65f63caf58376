import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { configurationFile, configurationText } from "../../../docs/generate-configuration.ts";

test("docs/configuration.md is what the schemas say; if not, run `npm run docs:config`", async () => {
  expect(await readFile(configurationFile, "utf8")).toBe(await configurationText());
});
