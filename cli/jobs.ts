/** `signalbox dispatch` and `signalbox jobs …`. */
import { type Command, Option } from "commander";
import type { AnyJob, JobOptions } from "../client/order.ts";
import { sleep } from "../client/request.ts";
import type { WatchEvent } from "../client/watch.ts";
import type { Ended, JobLine } from "../protocol/api/jobs.ts";
import type { Catalog } from "../protocol/wire/catalog.ts";
import { type JobState, jobStates } from "../protocol/wire/job.ts";
import { omitUndefined } from "../protocol/wire/omit-undefined.ts";
import { connect } from "./connection.ts";
import { exitCodes } from "./exit.ts";
import { readJsonInput, whole } from "./json-input.ts";
import { pretty, show, state, table, wantsJson, withProgress } from "./output.ts";

/** How long to wait for the last lines of the stream once the outcome is known, in milliseconds. */
const lastWordsMs = 1_000;

interface DispatchFlags extends Pick<JobOptions, "id" | "queue" | "node" | "attempts" | "delayMs"> {
  readonly file?: string;
  readonly timeoutMs?: number;
  readonly wait?: true;
  readonly waitMs?: number;
}

interface ListFlags {
  readonly state?: JobState;
  readonly queue?: string;
  readonly name?: string;
  readonly limit: number;
}

type InQueueFlags = Pick<ListFlags, "queue">;

/** Adds the commands. */
export function addJobCommands(program: Command): void {
  program
    .command("dispatch")
    .summary("dispatch a job")
    .description(
      "Dispatches a job. The payload is JSON from the argument, from a file, or from stdin (-).",
    )
    .argument("<name>", "the job's name, which selects its handler")
    .argument("[payload]", "JSON, or - for stdin")
    .option("-f, --file <path>", "read the payload from a file, or - for stdin")
    .option("--id <id>", "the job's id; dispatching the same id again makes no second job")
    .option("-q, --queue <queue>", "the queue; default if not given")
    .option("--node <node>", "the only node that may run it")
    .option("--attempts <n>", "how many times it may be tried", whole)
    .option("--timeout-ms <ms>", "the time limit of one attempt", whole)
    .option("--delay-ms <ms>", "how long to wait before it may start", whole)
    .option("-w, --wait", "wait for its outcome; exit with 1 unless it succeeds")
    .option("--wait-ms <ms>", "wait, but give up after this time", whole)
    .action(dispatch);

  const jobs = program.command("jobs").summary("list, inspect and manage jobs");
  jobs
    .command("list")
    .summary("list jobs, newest first")
    .addOption(new Option("-s, --state <state>", "only jobs in this state").choices(jobStates))
    .option("-q, --queue <queue>", "only jobs of this queue")
    .option("-n, --name <name>", "only jobs with this name")
    .option("-l, --limit <n>", "at most this many", whole, 20)
    .action(list);
  const one = (name: string, summary: string) =>
    jobs
      .command(name)
      .summary(summary)
      .argument("<id>", "the job's id")
      .option("-q, --queue <queue>", "its queue; without it, all queues are searched");
  one("get", "show a job").action(async (id: string, flags: InQueueFlags, command: Command) => {
    const job = await connect().get(id, flags);
    show(command, job, () => pretty(job));
  });
  one("watch", "follow a job until it ends; exit with 1 unless it succeeds")
    .option("--wait-ms <ms>", "give up after this time", whole)
    .action(watch);
  one("cancel", "cancel a job").action(
    async (id: string, flags: InQueueFlags, command: Command) => {
      const done = await connect().cancel(id, flags);
      show(command, done, () => `${id} ${done.outcome} (${state(done.state)})`);
    },
  );
  one("retry", "run a failed, cancelled or expired job again").action(
    async (id: string, flags: InQueueFlags, command: Command) => {
      const done = await connect().retry(id, flags);
      show(
        command,
        done,
        () => `${id} ${done.resent ? "sent again" : "left alone: it has not ended"}`,
      );
    },
  );
  one("delete", "delete a job that has ended").action(
    async (id: string, flags: InQueueFlags, command: Command) => {
      await connect().delete(id, flags);
      show(command, { id, deleted: true }, () => `${id} deleted`);
    },
  );
}

async function dispatch(
  name: string,
  argument: string | undefined,
  flags: DispatchFlags,
  command: Command,
): Promise<void> {
  const { file, wait, waitMs, ...options } = flags;
  const client = connect();
  const payload = await readJsonInput({ argument, file });
  const receipt = await client.dispatch({ name, ...options, ...omitUndefined({ payload }) });
  if (wait === undefined && waitMs === undefined) {
    const where = receipt.node === null ? "" : ` on node ${receipt.node}`;
    show(command, receipt, () => `${receipt.id} ${state(receipt.state)}${where}`);
    return;
  }
  const limit = omitUndefined({ timeoutMs: waitMs });
  const job = await withProgress(`job ${receipt.id}`, () => client.wait(receipt, limit));
  showEnd(command, job);
}

async function watch(
  id: string,
  { queue, waitMs }: InQueueFlags & { readonly waitMs?: number },
  command: Command,
): Promise<void> {
  const options = omitUndefined({ queue, timeoutMs: waitMs });
  const client = connect();
  const stop = new AbortController();
  // The stream is for people to read; the outcome comes from `wait`, even if the stream breaks.
  const printing = wantsJson(command)
    ? undefined
    : printEvents(client.watch(id, { ...options, signal: stop.signal })).catch(() => undefined);
  try {
    const job = await client.wait(id, options);
    await Promise.race([printing, sleep(lastWordsMs)]);
    showEnd(command, job);
  } finally {
    stop.abort();
  }
}

/** Writes events to stderr, because stdout carries only the result. */
async function printEvents(events: AsyncIterable<WatchEvent<unknown>>): Promise<void> {
  for await (const { event, data } of events) {
    const line =
      event === "state"
        ? data.state
        : event === "progress"
          ? `progress ${JSON.stringify(data.progress)}`
          : event === "log" && "message" in data
            ? `${data.level} ${data.message}`
            : undefined;
    if (line !== undefined) process.stderr.write(`${line}\n`);
  }
}

function showEnd(command: Command, job: Ended<AnyJob<Catalog>>): void {
  show(command, job, () => {
    if (job.state === "succeeded") return pretty(job.result ?? null);
    const { code = "", message = "" } = job.error ?? {};
    return `${job.id} ${state(job.state)} ${code} ${message}`.trimEnd();
  });
  if (job.state !== "succeeded") process.exitCode = exitCodes.failed;
}

async function list({ limit, ...filter }: ListFlags, command: Command): Promise<void> {
  const jobs: JobLine[] = [];
  if (limit > 0) {
    for await (const job of connect().list(filter)) {
      jobs.push(job);
      if (jobs.length === limit) break;
    }
  }
  show(command, jobs, () =>
    table(
      ["id", "name", "queue", "state", "node", "accepted"],
      jobs.map((job) => [job.id, job.name, job.queue, job.state, job.node ?? "-", job.acceptedAt]),
    ),
  );
}
