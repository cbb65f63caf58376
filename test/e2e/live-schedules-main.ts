/** `npm run live-schedules -- --minutes N`: exits with 0 only if every time was run once. */
import { parseArgs } from "node:util";
import { runLive } from "./live-schedules.ts";

const { values } = parseArgs({ options: { minutes: { type: "string", default: "5" } } });
const say = (line: string) =>
  void process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
const live = await runLive(Number(values.minutes), say);
say(JSON.stringify(live));
process.exitCode = live.missing.length + live.unexpected.length === 0 ? 0 : 1;
