/** `signalbox schedules …`. */
import type { Command } from "commander";
import type { ScheduleOrder, ScheduleTimes } from "../client/order.ts";
import type { ScheduleLine, ScheduleView } from "../protocol/api/schedules.ts";
import type { Catalog } from "../protocol/wire/catalog.ts";
import type { Json } from "../protocol/wire/json.ts";
import { omitUndefined } from "../protocol/wire/omit-undefined.ts";
import { connect } from "./connection.ts";
import { UsageError } from "./exit.ts";
import { readJsonInput, whole } from "./json-input.ts";
import { pretty, show, state, table } from "./output.ts";

interface QueueFlag {
  readonly queue?: string;
}

interface RuleFlags extends QueueFlag {
  readonly file?: string;
  readonly cron?: string;
  readonly timeZone?: string;
  readonly everyMs?: number;
}

interface PutFlags extends RuleFlags {
  readonly name?: string;
  readonly payload?: string;
}

/** Adds the commands. */
export function addScheduleCommands(program: Command): void {
  const schedules = program.command("schedules").summary("list, inspect and manage schedules");
  schedules
    .command("list")
    .summary("list schedules by queue and id")
    .option("-q, --queue <queue>", "only schedules of this queue")
    .option("-l, --limit <n>", "at most this many", whole, 100)
    .action(list);

  const one = (name: string, summary: string) =>
    schedules
      .command(name)
      .summary(summary)
      .argument("<id>", "the schedule's id")
      .option("-q, --queue <queue>", "its queue; without it, all queues are searched");
  const withRule = (command: Command) =>
    command
      .argument(
        "[definition]",
        "the whole definition as JSON, or - for stdin; flags override its fields",
      )
      .option("-f, --file <path>", "read the definition from a file, or - for stdin")
      .option(
        "--cron <expression>",
        "a cron expression of five or six fields; with six, seconds come first",
      )
      .option("--time-zone <zone>", "time zone of the cron expression; UTC if not given")
      .option("--every-ms <ms>", "the interval between runs", whole);

  withRule(one("put", "create or replace a schedule"))
    .option("-n, --name <name>", "the name of the jobs it makes")
    .option("-p, --payload <json>", "the payload of the jobs it makes")
    .action(put);
  withRule(schedules.command("preview").summary("show the next times of a rule"))
    .option("-c, --count <n>", "how many times to show", whole)
    .action(preview);
  one("get", "show a schedule").action(async (id: string, flags: QueueFlag, command: Command) => {
    showAll(command, await connect().schedules.get(id, flags));
  });
  one("pause", "stop making runs until it is resumed").action(
    async (id: string, flags: QueueFlag, command: Command) => {
      showOne(command, await connect().schedules.pause(id, flags));
    },
  );
  one("resume", "continue with the next time from now").action(
    async (id: string, flags: QueueFlag, command: Command) => {
      showOne(command, await connect().schedules.resume(id, flags));
    },
  );
  one("run", "make a run now").action(async (id: string, flags: QueueFlag, command: Command) => {
    const job = await connect().schedules.run(id, flags);
    show(command, { id, job }, () => job);
  });
  one("delete", "delete a schedule, but not the jobs it made").action(
    async (id: string, flags: QueueFlag, command: Command) => {
      const existed = await connect().schedules.delete(id, flags);
      show(command, { id, existed }, () => `${id} ${existed ? "deleted" : "did not exist"}`);
    },
  );
}

async function list(
  { limit, queue }: QueueFlag & { readonly limit: number },
  command: Command,
): Promise<void> {
  const found: ScheduleLine[] = [];
  if (limit > 0) {
    for await (const schedule of connect().schedules.list(omitUndefined({ queue }))) {
      found.push(schedule);
      if (found.length === limit) break;
    }
  }
  show(command, found, () =>
    table(
      ["id", "queue", "state", "name", "next", "runs"],
      found.map((each) => [
        each.id,
        each.queue,
        each.state,
        each.name,
        each.nextAt ?? "-",
        String(each.runs),
      ]),
    ),
  );
}

async function put(
  id: string,
  argument: string | undefined,
  flags: PutFlags,
  command: Command,
): Promise<void> {
  const { name, queue, payload } = flags;
  const definition = await readDefinition(argument, flags);
  const carried = await readJsonInput({ argument: payload });
  const order = { ...definition, ...omitUndefined({ name, queue, payload: carried }) };
  // The function validates it and names what is missing.
  const made = await connect().schedules.put(id, order as ScheduleOrder<Catalog, string>);
  show(command, made, () => `${id} ${made.outcome}, next at ${made.nextAt ?? "no time"}`);
}

async function preview(
  argument: string | undefined,
  { count, ...flags }: RuleFlags & { readonly count?: number },
  command: Command,
): Promise<void> {
  const definition = await readDefinition(argument, flags);
  const asked = { ...definition, ...omitUndefined({ count }) } as ScheduleTimes;
  const times = await connect().schedules.preview(asked);
  show(command, times, () => times.join("\n"));
}

async function readDefinition(
  argument: string | undefined,
  { file, cron, timeZone, everyMs }: RuleFlags,
): Promise<Readonly<Record<string, Json>>> {
  const given = (await readJsonInput({ argument, file })) ?? {};
  if (typeof given !== "object" || Array.isArray(given))
    throw new UsageError("expected the definition to be a JSON object");
  return {
    ...(given as Readonly<Record<string, Json>>),
    ...omitUndefined({ cron, timeZone, everyMs }),
  };
}

function showOne(command: Command, schedule: ScheduleView): void {
  const { id, nextAt } = schedule;
  show(command, schedule, () => `${id} ${state(schedule.state)}, next at ${nextAt ?? "no time"}`);
}

function showAll(command: Command, schedule: ScheduleView): void {
  show(command, schedule, () => pretty(schedule));
}
