/** `signalbox schedules …`. */
import type { Command } from "commander";
import type { ScheduleOrder, ScheduleTimes } from "../client/order.ts";
import type { ScheduleLine, ScheduleView } from "../protocol/api/schedules.ts";
import type { Catalog } from "../protocol/wire/catalog.ts";
import type { Json } from "../protocol/wire/json.ts";
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
  const schedules = program.command("schedules").summary("look at schedules, and manage them");
  schedules
    .command("list")
    .summary("list schedules, by queue and id")
    .option("-q, --queue <queue>", "of this queue only")
    .option("-l, --limit <n>", "at most so many", whole, 100)
    .action(list);

  const one = (name: string, summary: string) =>
    schedules
      .command(name)
      .summary(summary)
      .argument("<id>", "the schedule's id")
      .option("-q, --queue <queue>", "where it is; looked for in all queues if not given");
  const withRule = (command: Command) =>
    command
      .argument("[definition]", "all of it as JSON, or - for stdin; flags add to it")
      .option("-f, --file <path>", "read the definition from a file; - for stdin")
      .option("--cron <expression>", "five or six fields, seconds first")
      .option("--time-zone <zone>", "of the cron expression; UTC if not given")
      .option("--every-ms <ms>", "every so often", whole);

  withRule(one("put", "make a schedule, or make it what is given"))
    .option("-n, --name <name>", "the name of its jobs")
    .option("-p, --payload <json>", "their payload")
    .action(put);
  withRule(schedules.command("preview").summary("show the next times of a rule"))
    .option("-c, --count <n>", "how many", whole)
    .action(preview);
  one("get", "show a schedule").action(async (id: string, flags: QueueFlag, command: Command) => {
    showAll(command, await connect().schedules.get(id, flags));
  });
  one("pause", "make no runs until it is resumed").action(
    async (id: string, flags: QueueFlag, command: Command) => {
      showOne(command, await connect().schedules.pause(id, flags));
    },
  );
  one("resume", "go on from the present").action(
    async (id: string, flags: QueueFlag, command: Command) => {
      showOne(command, await connect().schedules.resume(id, flags));
    },
  );
  one("run", "make a run now").action(async (id: string, flags: QueueFlag, command: Command) => {
    const job = await connect().schedules.run(id, flags);
    show(command, { id, job }, () => job);
  });
  one("delete", "delete a schedule; its runs stay").action(
    async (id: string, flags: QueueFlag, command: Command) => {
      const existed = await connect().schedules.delete(id, flags);
      show(command, { id, existed }, () => `${id} ${existed ? "deleted" : "was not there"}`);
    },
  );
}

async function list(
  { limit, queue }: QueueFlag & { readonly limit: number },
  command: Command,
): Promise<void> {
  const found: ScheduleLine[] = [];
  if (limit > 0) {
    const filter = queue === undefined ? {} : { queue };
    for await (const schedule of connect().schedules.list(filter)) {
      found.push(schedule);
      if (found.length === limit) break;
    }
  }
  show(command, found, () =>
    table(
      ["id", "queue", "state", "name", "next", "runs"],
      found.map((each) => [
        ...[each.id, each.queue, each.state, each.name, each.nextAt ?? "-", String(each.runs)],
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
  const order = {
    ...definition,
    ...(name === undefined ? {} : { name }),
    ...(queue === undefined ? {} : { queue }),
    ...(carried === undefined ? {} : { payload: carried }),
  };
  // The function checks what it is, and says what is missing.
  const made = await connect().schedules.put(id, order as ScheduleOrder<Catalog, string>);
  show(command, made, () => `${id} ${made.outcome}, next at ${made.nextAt ?? "no time"}`);
}

async function preview(
  argument: string | undefined,
  { count, ...flags }: RuleFlags & { readonly count?: number },
  command: Command,
): Promise<void> {
  const definition = await readDefinition(argument, flags);
  const asked = { ...definition, ...(count === undefined ? {} : { count }) } as ScheduleTimes;
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
    ...(cron === undefined ? {} : { cron }),
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(everyMs === undefined ? {} : { everyMs }),
  };
}

function showOne(command: Command, schedule: ScheduleView): void {
  const { id, nextAt } = schedule;
  show(command, schedule, () => `${id} ${state(schedule.state)}, next at ${nextAt ?? "no time"}`);
}

function showAll(command: Command, schedule: ScheduleView): void {
  show(command, schedule, () => pretty(schedule));
}
