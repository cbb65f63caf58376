/**
 * Runs all of Signalbox on this machine, with or without a demonstration. When it ends, by a signal,
 * the end of a part, an error or a closed output, it ends all its parts.
 */
import { constants } from "node:os";
import { join } from "node:path";
import { givenSettings, isGiven } from "../protocol/settings/given.ts";
import { createApiClient } from "./api-client.ts";
import { runDemo } from "./demo.ts";
import { parentGone, watchInterrupts } from "./interrupts.ts";
import { createLogLine, isRoutine } from "./log-line.ts";
import { parseOptions, type StartOptions, USAGE } from "./options.ts";
import { freePort, isPortFree } from "./ports.ts";
import { isBuilt } from "./program.ts";
import { type Stack, startStack } from "./stack.ts";
import { createSupervisor, describeExit, type Supervisor } from "./supervisor.ts";

/** The folder of the project or of its build. */
const ROOT = join(import.meta.dirname, "..");
const DEFAULT_PORT = 8787;

/** The reason why the stack ends. */
type End =
  | { readonly kind: "finished"; readonly exitCode: number }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "interrupted"; readonly signal: NodeJS.Signals };

/** Set while the demonstration shows every job itself: routine lines of the parts are then hidden. */
let isHushed = false;

const logLine = createLogLine(process.stdout.isTTY && process.stdout.hasColors());

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function print(name: string, line: string): void {
  if (isHushed && isRoutine(line)) return;
  process.stdout.write(logLine(name, line));
}

/** Runs the stack until it ends; resolves to the exit code. @throws UsageError */
export async function runStack(args: readonly string[]): Promise<number> {
  // A package must not write to its own folder.
  const options = parseOptions(args, givenSettings(process.env), isBuilt ? process.cwd() : ROOT);
  if (options.wantsHelp) {
    say(USAGE);
    return 0;
  }
  const supervisor = createSupervisor(print);
  // Unless this process is killed, no part of the stack survives it.
  process.on("exit", () => {
    supervisor.kill();
  });
  const interrupts = watchInterrupts(process, (signal) => {
    process.exit(exitCodeOf(signal));
  });
  const outputLost = new Promise<End>((resolve) => {
    for (const stream of [process.stdout, process.stderr]) {
      stream.on("error", (error: Error) => {
        resolve({ kind: "failed", message: `The output was closed: ${error.message}` });
      });
    }
  });

  let isIdle = false;
  const end = await Promise.race<End>([
    run(supervisor, options, () => (isIdle = true)),
    supervisor.died.then((exit) => ({ kind: "failed", message: describeExit(exit) })),
    interrupts.first.then((signal) => ({ kind: "interrupted", signal })),
    parentLost(),
    outputLost,
  ]);
  isHushed = false;
  if (end.kind === "interrupted")
    say(`\n${end.signal}: ending everything; press again to end immediately.`);
  if (end.kind === "failed") process.stderr.write(`\n${end.message}\n\n`);
  await supervisor.stop();
  return exitCodeFor(end, isIdle);
}

/** Under npm, the end of npm is meant to end the stack too. */
async function parentLost(): Promise<End> {
  if (process.env["npm_lifecycle_event"] === undefined) return forever();
  await parentGone(process);
  return { kind: "interrupted", signal: "SIGTERM" };
}

function forever(): Promise<never> {
  return new Promise<never>(() => undefined);
}

/** Resolves when there is nothing left to do; without `--once`, never. */
async function run(
  supervisor: Supervisor,
  options: StartOptions,
  becomeIdle: () => void,
): Promise<End> {
  try {
    const stack = await startStack(supervisor, {
      root: ROOT,
      home: options.home,
      port: await choosePort(options.port),
      env: givenSettings(process.env),
      print,
      mount: options.mount,
      ...(options.app === undefined ? {} : { app: options.app }),
    });
    describeStack(stack);
    let lastId: string | undefined;
    if (options.hasDemo) {
      const { signal } = supervisor;
      isHushed = true;
      const demo = await runDemo({
        api: createApiClient(stack.functionUrl, stack.token, signal),
        pageUrls: stack.pageUrls,
        print: (line) => {
          print("demo", line);
        },
        signal,
      });
      isHushed = false;
      if (options.isOnce) return { kind: "finished", exitCode: demo.isComplete ? 0 : 1 };
      lastId = demo.lastId;
    }
    suggestCalls(stack, lastId);
    becomeIdle();
    return await forever();
  } catch (error) {
    return { kind: "failed", message: error instanceof Error ? error.message : String(error) };
  }
}

async function choosePort(wanted: number | undefined): Promise<number> {
  if (wanted !== undefined) {
    if (await isPortFree(wanted)) return wanted;
    throw new Error(`PORT: ${wanted} is taken. Choose another, or unset it to get a free one.`);
  }
  if (await isPortFree(DEFAULT_PORT)) return DEFAULT_PORT;
  const port = await freePort();
  say(`Port ${DEFAULT_PORT} is taken; the function gets ${port}.`);
  return port;
}

function describeStack(stack: Stack): void {
  const { shown, passwordFile } = stack.redis;
  const password = passwordFile === undefined ? "" : `   password in ${passwordFile}`;
  say(`
Signalbox is up.
  function  ${stack.functionUrl}   token ${shownToken(stack)}
  gateway   ${stack.gatewayUrl}
  redis     ${shown}${password}
`);
}

/** Hides a token of the user, which is a secret, and shows one that was made here, which is useless if hidden. */
function shownToken({ token, isTokenNew }: Stack): string {
  return isTokenNew ? token : "$SIGNALBOX_TOKEN";
}

function suggestCalls(stack: Stack, lastId: string | undefined): void {
  // In double quotes, in which the shell expands the variable.
  const quote = stack.isTokenNew ? "'" : '"';
  const curl = `curl -sS -H ${quote}Authorization: Bearer ${shownToken(stack)}${quote}`;
  // Not --json, which curl has only since 2022.
  const json = "-H 'Content-Type: application/json'";
  const { functionUrl: url } = stack;
  const hasOwnHandlers = isGiven(process.env["SIGNALBOX_HANDLERS"]);
  const exampleJob = hasOwnHandlers ? "<one of yours>" : "host.metrics";
  say(`
Try:
  ${curl} ${url}/v1/nodes
  ${curl} ${json} ${url}/v1/jobs -d '{"name":"${exampleJob}"}'
  ${curl} '${url}/v1/jobs${lastId === undefined ? "?limit=5" : `/${lastId}?wait=25`}'

Ctrl-C ends everything.
`);
}

function exitCodeFor(end: End, isIdle: boolean): number {
  switch (end.kind) {
    case "finished":
      return end.exitCode;
    case "failed":
      return 1;
    case "interrupted":
      // Interrupting a stack that has nothing left to do is its normal end.
      return isIdle ? 0 : exitCodeOf(end.signal);
  }
}

/** The exit code by which a shell reports a process that a signal ended. */
function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
