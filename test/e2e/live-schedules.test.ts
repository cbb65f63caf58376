/** Half a minute of `live-schedules.ts`, which `npm run live-schedules` runs for longer. */
import { test } from "vitest";
import { runLive } from "./live-schedules.ts";

test("schedules to the second survive a kill of everything, each time run once", async ({
  expect,
}) => {
  const lines: string[] = [];
  const live = await runLive(0.5, (line) => lines.push(line));
  expect(live, lines.join("; ")).toMatchObject({ times: 44, missing: [], unexpected: [] });
});
