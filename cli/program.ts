/** Assembles the commands of `signalbox`, runs one, and sets the exit code. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import tab from "@bomb.sh/tab/commander";
import { Command, CommanderError } from "commander";
import { addDoctorCommand } from "./doctor.ts";
import { shownError } from "./exit.ts";
import { addJobCommands } from "./jobs.ts";
import { addKeyCommands } from "./keys.ts";
import { addNodeCommands } from "./nodes.ts";
import { addScheduleCommands } from "./schedules.ts";
import { addStackCommands } from "./stack-commands.ts";

const help = `
Environment:
  SIGNALBOX_URL     URL of the function, with the path where Signalbox is mounted
  SIGNALBOX_TOKEN   bearer token for its API
  NO_COLOR          turns colours off

Exit codes:
  0  success
  1  the job failed, the API refused the request, or the doctor found a problem
  2  invalid command line or settings
  3  no answer, or not in time

Completion: source <(signalbox complete bash); also for zsh, fish and powershell.`;

/** Runs the command line. Sets the exit code; never rejects. */
export async function runProgram(args: readonly string[]): Promise<void> {
  const version = packageVersion();
  const isJson = args.includes("--json");
  const program = createProgram(version, isJson);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    const shown = shownError(error);
    process.exitCode = shown.exitCode;
    if (shown.exitCode === 0) return;
    const { code, detail } = shown;
    if (isJson) process.stderr.write(`${JSON.stringify({ code, detail })}\n`);
    // Commander writes its own errors.
    else if (!(error instanceof CommanderError))
      process.stderr.write(`signalbox: ${detail} (${code})\n`);
  }
}

function createProgram(version: string, isJson: boolean): Command {
  const program = new Command("signalbox")
    .description("Dispatches jobs from the edge to your own machines.")
    .version(version)
    .option("--json", "write results and errors as JSON")
    .addHelpText("after", help)
    .showSuggestionAfterError()
    .configureOutput({
      outputError: (text, write) => {
        if (!isJson) write(text);
      },
    })
    .exitOverride();
  addStackCommands(program);
  addJobCommands(program);
  addScheduleCommands(program);
  addNodeCommands(program);
  addKeyCommands(program);
  addDoctorCommand(program, version);
  tab(program);
  return program;
}

/** The version in package.json, which is one folder up from the source and two up from the build. */
function packageVersion(): string {
  for (const up of ["..", "../.."]) {
    try {
      const text = readFileSync(join(import.meta.dirname, up, "package.json"), "utf8");
      return (JSON.parse(text) as { readonly version: string }).version;
    } catch {
      // Not there: try the next folder up.
    }
  }
  return "unknown";
}
