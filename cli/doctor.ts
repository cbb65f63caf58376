/** `signalbox doctor`: checks everything that can be checked from this machine, and says what to fix. */
import type { Command } from "commander";
import { givenSettings } from "../protocol/settings/given.ts";
import { checkFunction } from "./doctor-function.ts";
import { checkRedis, checkSubscriber, checkVersions } from "./doctor-machine.ts";
import { exitCodes } from "./exit.ts";
import type { Finding } from "./finding.ts";
import { show, state, withProgress } from "./output.ts";

/** Adds the command. */
export function addDoctorCommand(program: Command, version: string): void {
  program
    .command("doctor")
    .summary("check settings, connections, Redis, clocks and secrets, and say what to fix")
    .description(
      "Checks the settings in the environment: SIGNALBOX_URL, SIGNALBOX_TOKEN, SIGNALBOX_SIGNING_SECRET, REDIS_URL and " +
        "those of a subscriber. Changes nothing. Exits with 1 if anything is wrong.",
    )
    .action(async (_flags: unknown, command: Command) => {
      const env = givenSettings(process.env);
      const findings = await withProgress("checking", async () => {
        const [redis, answers] = await Promise.all([checkRedis(env), checkFunction(env)]);
        return [checkVersions(version), checkSubscriber(env), ...redis, ...answers];
      });
      show(command, findings, () => findings.map(line).join("\n"));
      if (findings.some((finding) => finding.state === "wrong"))
        process.exitCode = exitCodes.failed;
    });
}

function line({ check, state: found, detail, fix }: Finding): string {
  const space = " ".repeat(Math.max(0, "warning".length - found.length));
  const first = `${state(found)}${space}  ${check}: ${detail}`;
  return fix === undefined ? first : `${first}\n         → ${fix}`;
}
