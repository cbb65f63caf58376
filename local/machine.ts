/**
 * What the local stack asks of the machine it runs on, as an interface, so that the decisions made
 * from the answers can be tested for machines we do not have.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, constants, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";

export interface Machine {
  readonly platform: NodeJS.Platform;
  /** Unix user id; 0 is root. Undefined where there is no such thing. */
  readonly uid: number | undefined;
  /** Path of the executable `name` in PATH, if there is one. */
  which(name: string): Promise<string | undefined>;
  /** `file`, a path, if that can be run. */
  executable(file: string): Promise<string | undefined>;
  /** Runs a command to its end and gives its exit code; what it prints goes to our stderr. */
  run(command: string, args: readonly string[]): Promise<number>;
  /** Tells the person at the terminal. */
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

/** Looks `name` up in `path`, a list of directories as in the PATH variable. */
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
    // Missing and not permitted come to the same thing here: it cannot be run.
    return false;
  }
}

async function run(command: string, args: readonly string[]): Promise<number> {
  // stdout may be read by a program; the installer's talk is for people.
  const child = spawn(command, args, {
    stdio: ["ignore", process.stderr, process.stderr],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}
