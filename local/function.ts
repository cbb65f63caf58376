/**
 * The function in `wrangler dev`, as a child process that sends nothing to the Internet: no
 * telemetry, no check of the user, no check for updates.
 */
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LOOPBACK } from "./ports.ts";
import { writeSecretFile } from "./secret-file.ts";
import type { Supervisor } from "./supervisor.ts";

export interface FunctionOptions {
  /** The project's folder, with wrangler.toml. */
  readonly root: string;
  /** The folder for the files of wrangler and the function's variables. */
  readonly directory: string;
  readonly port: number;
  /** The function's variables and secrets. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Wrangler writes one such line for each request; they would hide those of the function. */
const REQUEST_LINE = /^\[wrangler:info\] [A-Z]+ \//;
const HEALTH_INTERVAL_MS = 100;
const HEALTH_TIMEOUT_MS = 5_000;
/** A path that needs no Redis, so that watching costs no commands. */
const PROBE_INTERVAL_MS = 2_000;
const PROBE_TIMEOUT_MS = 4_000;
/** A reload after an edit fails one or two checks. */
const ALLOWED_MISSES = 3;

/** Resolves with the function's URL once its /healthz answers 200. */
export async function startFunction(
  supervisor: Supervisor,
  options: FunctionOptions,
): Promise<string> {
  const { directory, port } = options;
  const url = `http://${LOOPBACK}:${port}`;
  const envFile = await writeEnvFile(directory, options.variables);
  const health = { last: "nothing answered" };
  try {
    await supervisor.start({
      name: "function",
      command: process.execPath,
      args: [wranglerProgram(), "dev", ...wranglerOptions(envFile, options)],
      cwd: options.root,
      env: wranglerEnvironment(directory),
      // It has to end the runtime and the bundler.
      stopSteps: [{ signal: "SIGTERM", waitMs: 8_000 }],
      // Wrangler's list of the bindings and its hint about the cron entry point.
      isQuietAtStart: true,
      isNoise: (line) => REQUEST_LINE.test(line),
      // Wrangler stays silent and keeps running when its runtime has ended.
      watch: (signal) => untilSilent(url, signal),
      readyWithinMs: 60_000,
      ready: async (_, signal) => {
        while (!(await isHealthy(url, health))) {
          await sleep(HEALTH_INTERVAL_MS, undefined, { signal });
        }
      },
    });
  } catch (error) {
    throw new Error(`${messageOf(error)}\nThe last answer of ${url}/healthz: ${health.last}`, {
      cause: error,
    });
  }
  return url;
}

/** Writes a file that only its owner may read: other users of the machine can read a command line. */
async function writeEnvFile(
  directory: string,
  variables: Readonly<Record<string, string>>,
): Promise<string> {
  await mkdir(directory, { recursive: true });
  const file = join(directory, "function.env");
  const lines = Object.entries(variables).map(([name, value]) => {
    // The format of the file cannot escape these.
    if (/['\r\n]/.test(value)) throw new Error(`${name} must not hold a quote or a line break.`);
    return `${name}='${value}'\n`;
  });
  await writeSecretFile(file, lines.join(""));
  return file;
}

function wranglerProgram(): string {
  const require = createRequire(import.meta.url);
  return join(dirname(require.resolve("wrangler/package.json")), "bin", "wrangler.js");
}

function wranglerOptions(envFile: string, options: FunctionOptions): readonly string[] {
  const values = {
    "env-file": envFile,
    ip: LOOPBACK,
    port: String(options.port),
    "inspector-ip": LOOPBACK,
    "inspector-port": "0",
    "persist-to": options.directory,
    "show-interactive-dev-session": "false",
  };
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}

function wranglerEnvironment(directory: string): Readonly<Record<string, string>> {
  return {
    CI: "1",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_WRITE_LOGS: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    // All projects of this user share the default.
    WRANGLER_REGISTRY_PATH: join(directory, "registry"),
  };
}

async function isHealthy(url: string, health: { last: string }): Promise<boolean> {
  let isHopeless = false;
  try {
    const response = await fetch(`${url}/healthz`, {
      signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
    });
    const text = await response.text();
    health.last = `${response.status} ${text.slice(0, 500)}`;
    isHopeless = text.includes('"config_invalid"');
    if (response.ok) return true;
  } catch (error) {
    health.last = messageOf(error);
  }
  // Everything else, such as a Redis that is not up yet, may recover.
  if (isHopeless) throw new Error("The function cannot work with its variables.");
  return false;
}

/** Resolves when the function has failed to answer several times in a row. */
async function untilSilent(url: string, signal: AbortSignal): Promise<string> {
  let reason = "";
  for (let misses = 0; misses < ALLOWED_MISSES;) {
    await sleep(PROBE_INTERVAL_MS, undefined, { signal });
    try {
      const timeout = AbortSignal.timeout(PROBE_TIMEOUT_MS);
      const response = await fetch(url, { signal: AbortSignal.any([signal, timeout]) });
      await response.body?.cancel();
      misses = 0;
    } catch (error) {
      reason = messageOf(error);
      misses += 1;
    }
  }
  return `it no longer answers (${reason})`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
