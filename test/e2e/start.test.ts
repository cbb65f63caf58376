/** `npm start` as a user runs it: the demonstration, and that nothing is left after its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "vitest";
import { freePort, isPortFree } from "../../local/ports.ts";
import { createPlanted } from "../support/planted.ts";
import { until } from "../support/until.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const IS_UP = "Ctrl-C ends everything.";
/** Only there can processes be recognised by their environment. */
const hasProc = process.platform === "linux";

let home: string;
let running: ChildProcess | undefined;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "signalbox-start-"));
});

afterEach(async () => {
  if (running?.exitCode === null && running.signalCode === null) {
    const exited = once(running, "exit");
    signalGroup(running, "SIGTERM");
    await exited;
  }
  running = undefined;
  await rm(home, { recursive: true, force: true });
});

async function npmStart(...args: string[]) {
  return npmStartWith({}, ...args);
}

async function npmStartWith(settings: NodeJS.ProcessEnv, ...args: string[]) {
  const port = await freePort();
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...settings,
    PORT: String(port),
    SIGNALBOX_HOME: home,
  };
  delete env["REDIS_URL"];
  // In its own process group, as a shell starts it, so that a Ctrl-C reaches all processes.
  const child = spawn("npm", ["start", "--", ...args], { cwd: ROOT, env, detached: true });
  running = child;
  let text = "";
  const waiters = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      for (const look of waiters) look();
    });
  }
  const closed = once(child, "close").then(([code]) => code as number | null);
  return {
    child,
    port,
    text: () => text,
    closed,
    untilUp: () =>
      new Promise<void>((resolve, reject) => {
        waiters.add(() => {
          if (text.includes(IS_UP)) resolve();
        });
        void closed.then(() => {
          reject(new Error(`It ended instead of being up:\n${text}`));
        });
      }),
  };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) throw new Error("npm was not started.");
  process.kill(-child.pid, signal);
}

/** Ports that the stack printed and that are still in use. */
async function openPorts(text: string): Promise<readonly number[]> {
  const ports = [...text.matchAll(/(?:http|redis):\/\/127\.0\.0\.1:(\d+)/g)].map((match) =>
    Number(match[1]),
  );
  const open: number[] = [];
  for (const port of new Set(ports)) if (!(await isPortFree(port))) open.push(port);
  return open;
}

interface Found {
  readonly pid: number;
  readonly command: string;
}

/** Every running process that inherited SIGNALBOX_HOME from this test. */
async function processes(): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const environment = await readFile(`/proc/${pid}/environ`, "utf8");
      if (!environment.split("\0").includes(`SIGNALBOX_HOME=${home}`)) continue;
      const command = (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ");
      // Empty while a killed process is being removed.
      if (command !== "") found.push({ pid: Number(pid), command });
    } catch {
      // It ended meanwhile, or may not be read.
    }
  }
  return found;
}

/** The redis-server overwrites its environment with its title, but writes its pid to a file. */
async function pidOf(program: RegExp | undefined): Promise<number> {
  if (program === undefined)
    return Number(await readFile(join(home, "redis", "redis.pid"), "utf8"));
  const found = (await processes()).find(({ command }) => program.test(command));
  if (found === undefined) throw new Error(`${program.source} does not run.`);
  return found.pid;
}

/** Resolves to what is still there two seconds after the end: a killed process takes a moment to go. */
async function leftBehind(text: string): Promise<readonly unknown[]> {
  let left: readonly unknown[] = [];
  const isClean = async () => {
    left = [...(await openPorts(text)), ...(hasProc ? await processes() : [])];
    return left.length === 0;
  };
  await until(isClean, { within: 2_000, or: "everything to be gone" }).catch(() => undefined);
  return left;
}

describe("npm start", () => {
  it("runs the demonstration with --once, and ends with 0", async ({ expect }) => {
    const stack = await npmStart("--once");
    const code = await stack.closed;
    const text = stack.text();
    expect(code, text).toBe(0);
    expect(text).toContain(`http://127.0.0.1:${stack.port}`);
    expect(text).toContain(" 99/99  ");
    expect(text.match(/host\.metrics .*succeeded .*CPUs/g)).toHaveLength(3);
    expect(text.match(/page\.fetch .*succeeded .*200 "/g)).toHaveLength(3);
    expect(text).toContain("dispatched 105 of 105, recorded 105, failed 0");
    expect(text).toMatch(/p50 \d+ ms, p99 \d+ ms/);
    await expect(leftBehind(text)).resolves.toEqual([]);
  });

  it("gives its settings to function and subscriber alike, and shows no secret of them", async ({
    expect,
  }) => {
    const { plant, plantKey, shownIn } = createPlanted();
    const settings = {
      SIGNALBOX_TOKEN: plant("token"),
      SIGNALBOX_SIGNING_SECRET: plantKey("signing secret"),
      SIGNALBOX_ENVELOPE_SECRET: plantKey("envelope secret"),
      SIGNALBOX_KEY_PREFIX: "other",
      SIGNALBOX_CHANNEL_PREFIX: "other:",
      SIGNALBOX_RECURRING: '[{"cron":"0 0 1 1 *","name":"echo","payload":"new year"}]',
    };
    const stack = await npmStartWith(settings, "--once");
    expect(await stack.closed, stack.text()).toBe(0);
    expect(stack.text()).toContain("token $SIGNALBOX_TOKEN");
    expect(shownIn(stack.text())).toEqual([]);
  });

  it("shows three calls that work, and leaves nothing after SIGTERM to npm alone", async ({
    expect,
  }) => {
    const stack = await npmStart("--no-demo");
    await stack.untilUp();
    const calls = stack.text().match(/^ {2}curl .*$/gm) ?? [];
    expect(calls).toHaveLength(3);
    for (const call of calls) {
      const [url = ""] = /http:[^ ']+/.exec(call) ?? [];
      const headers = [...call.matchAll(/-H '([^:']+): ([^']+)'/g)].map(
        ([, name = "", value = ""]) => [name, value] as [string, string],
      );
      const body = /-d '([^']+)'/.exec(call)?.[1];
      const init = body === undefined ? { headers } : { headers, method: "POST", body };
      const response = await fetch(url, init);
      expect(response.ok, `${call}\n${await response.text()}`).toBe(true);
    }
    stack.child.kill("SIGTERM");
    await stack.closed;
    await expect(leftBehind(stack.text())).resolves.toEqual([]);
  });

  it.for(["SIGINT", "SIGTERM"] as const)(
    "leaves nothing behind after %s to its group",
    async (signal, { expect }) => {
      const stack = await npmStart("--no-demo");
      await stack.untilUp();
      if (hasProc) expect((await processes()).length).toBeGreaterThan(5);
      signalGroup(stack.child, signal);
      await stack.closed;
      await expect(leftBehind(stack.text())).resolves.toEqual([]);
    },
  );

  it.skipIf(!hasProc).for([
    ["redis", undefined],
    ["gateway", /gateway\/main\.ts/],
    ["function", /wrangler\.js dev/],
    ["subscriber", /subscriber\/main\.ts/],
  ] as const)(
    "ends everything when %s is killed, and says so",
    async ([name, program], { expect }) => {
      const stack = await npmStart("--no-demo");
      await stack.untilUp();
      process.kill(await pidOf(program), "SIGKILL");
      await expect(stack.closed).resolves.toBe(1);
      expect(stack.text()).toContain(`${name} failed: SIGKILL ended it.`);
      await expect(leftBehind(stack.text())).resolves.toEqual([]);
    },
  );

  it("refuses an option that it does not know", async ({ expect }) => {
    const stack = await npmStart("--frob");
    await expect(stack.closed).resolves.toBe(2);
    expect(stack.text()).toContain("Unknown option '--frob'");
  });
});
