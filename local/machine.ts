/**
 * The machine as an interface, so that decisions which depend on it can be tested for machines that
 * the developers do not have.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, constants, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";

export interface Machine {
  readonly platform: NodeJS.Platform;
  /** Unix user id; 0 is root. Undefined on systems without user ids. */
  readonly uid: number | undefined;
  /** Path of the executable `name` in PATH, if there is one. */
  which(name: string): Promise<string | undefined>;
  /** Returns the path `file` if it can be executed. */
  executable(file: string): Promise<string | undefined>;
  /** Runs a command and resolves to its exit code; its output goes to stderr of this process. */
  run(command: string, args: readonly string[]): Promise<number>;
  /** Prints a message for the user. */
  say(line: string): void;
}

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    uid: process.getuid?.(),
    which: (name) => which(name, process.env["PATH"] ?? ""),
    executable: async (file) => ((await isExecutable(file)) ? file : undefined),
    run,
    say: (line) => {
      process.stderr.write(`${line}\n`);
    },
  };
}

/** Searches for `name` in `path`, a list of directories as in the PATH variable. */
export async function which(name: string, path: string): Promise<string | undefined> {
  for (const directory of path.split(delimiter)) {
    if (directory === "") continue;
    const candidate = join(directory, name);
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    // Missing or not permitted: it cannot be executed.
    return false;
  }
}

async function run(command: string, args: readonly string[]): Promise<number> {
  // stdout may be read by a program; the output of the installer is for people.
  const child = spawn(command, args, {
    stdio: ["ignore", process.stderr, process.stderr],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}
