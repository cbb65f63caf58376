/** `signalbox dispatch` and `signalbox jobs …`. */
import { Option, type Command } from "commander";
import type { AnyJob, JobOptions } from "../client/order.ts";
import type { WatchEvent } from "../client/watch.ts";
import type { Ended, JobLine } from "../protocol/api/jobs.ts";
import type { Catalog } from "../protocol/wire/catalog.ts";
import { jobStates, type JobState } from "../protocol/wire/job.ts";
import { sleep } from "../client/request.ts";
import { connect } from "./connection.ts";
import { exitCodes } from "./exit.ts";
import { readJsonInput, whole } from "./json-input.ts";
import { pretty, show, state, table, wantsJson, withProgress } from "./output.ts";

/** How long the stream may take to tell the end that is known already, in milliseconds. */
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
    .description("Dispatches a job; the payload is JSON, from the argument, a file, or stdin (-).")
    .argument("<name>", "which handler is to run it")
    .argument("[payload]", "JSON, or - for stdin")
    .option("-f, --file <path>", "read the payload from a file; - for stdin")
    .option("--id <id>", "the job's id: the same again makes no second job")
    .option("-q, --queue <queue>", "the queue")
    .option("--node <node>", "the only node that may run it")
    .option("--attempts <n>", "how often it is tried", whole)
    .option("--timeout-ms <ms>", "for one attempt", whole)
    .option("--delay-ms <ms>", "when it may start", whole)
    .option("-w, --wait", "wait for its end; exit code 1 if it does not succeed")
    .option("--wait-ms <ms>", "wait, and give up after this time", whole)
    .action(dispatch);

  const jobs = program.command("jobs").summary("look at jobs, and manage them");
  jobs
    .command("list")
    .summary("list jobs, newest first")
    .addOption(new Option("-s, --state <state>", "in this state only").choices(jobStates))
    .option("-q, --queue <queue>", "of this queue only")
    .option("-n, --name <name>", "of this name only")
    .option("-l, --limit <n>", "at most so many", whole, 20)
    .action(list);
  const one = (name: string, summary: string) =>
    jobs
      .command(name)
      .summary(summary)
      .argument("<id>", "the job's id")
      .option("-q, --queue <queue>", "where it is; looked for in all queues if not given");
  one("get", "show a job").action(async (id: string, flags: InQueueFlags, command: Command) => {
    const job = await connect().get(id, flags);
    show(command, job, () => pretty(job));
  });
  one("watch", "wait for a job's end; exit code 1 if it does not succeed")
    .option("--wait-ms <ms>", "give up after this time", whole)
    .action(watch);
  one("cancel", "cancel a job").action(
    async (id: string, flags: InQueueFlags, command: Command) => {
      const done = await connect().cancel(id, flags);
      show(command, done, () => `${id} ${done.outcome} (${state(done.state)})`);
    },
  );
  one("retry", "send a failed, cancelled or expired job again").action(
    async (id: string, flags: InQueueFlags, command: Command) => {
      const done = await connect().retry(id, flags);
      show(command, done, () => `${id} ${done.resent ? "sent again" : "left alone: it is alive"}`);
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
  const receipt = await client.dispatch({
    ...{ name, ...options },
    ...(payload === undefined ? {} : { payload }),
  });
  if (wait === undefined && waitMs === undefined) {
    const where = receipt.node === null ? "" : ` on node ${receipt.node}`;
    show(command, receipt, () => `${receipt.id} ${state(receipt.state)}${where}`);
    return;
  }
  const limit = waitMs === undefined ? {} : { timeoutMs: waitMs };
  const job = await withProgress(`job ${receipt.id}`, () => client.wait(receipt, limit));
  showEnd(command, job);
}

async function watch(
  id: string,
  { queue, waitMs }: InQueueFlags & { readonly waitMs?: number },
  command: Command,
): Promise<void> {
  const options = {
    ...(queue === undefined ? {} : { queue }),
    ...(waitMs === undefined ? {} : { timeoutMs: waitMs }),
  };
  const client = connect();
  const stop = new AbortController();
  // What it says on the way is for people; the end comes from `wait`, whatever becomes of the stream.
  const telling = wantsJson(command)
    ? undefined
    : tell(client.watch(id, { ...options, signal: stop.signal })).catch(() => undefined);
  try {
    const job = await client.wait(id, options);
    await Promise.race([telling, sleep(lastWordsMs)]);
    showEnd(command, job);
  } finally {
    stop.abort();
  }
}

/** To stderr: the result alone is stdout's. */
async function tell(events: AsyncIterable<WatchEvent<unknown>>): Promise<void> {
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
      jobs.map((job) => [
        ...[job.id, job.name, job.queue, job.state, job.node ?? "-", job.acceptedAt],
      ]),
    ),
  );
}
