/** The commands of `signalbox`, and how it ends. */
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
  SIGNALBOX_URL     where the function is, with the path where it is mounted
  SIGNALBOX_TOKEN   the bearer token of its API
  NO_COLOR          no colours, even on a terminal

Exit codes: 0 done; 1 the job failed, the API refused, or the doctor found something; 2 wrong usage or settings;
3 no answer, or none in time. Completion: source <(signalbox complete bash), or zsh, fish, powershell.`;

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
    // Commander writes its own.
    else if (!(error instanceof CommanderError))
      process.stderr.write(`signalbox: ${detail} (${code})\n`);
  }
}

function createProgram(version: string, isJson: boolean): Command {
  const program = new Command("signalbox")
    .description("Dispatches jobs from the edge to machines of your own.")
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

/** Of the package, which is one or two folders up: as source, or built. */
function packageVersion(): string {
  for (const up of ["..", "../.."]) {
    try {
      const text = readFileSync(join(import.meta.dirname, up, "package.json"), "utf8");
      return (JSON.parse(text) as { readonly version: string }).version;
    } catch {
      // Not there: one further up.
    }
  }
  return "unknown";
}
