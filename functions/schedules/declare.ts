/**
 * Schedules that are declared in code and deployed with the function. The ledger keeps which list was put in force last, so
 * that one read a minute shows that nothing has changed.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { ScheduleLedger } from "../../protocol/ledger/schedules.ts";
import type { ScheduleSpec } from "../../protocol/schedule/schedule.ts";
import type { Catalog, PayloadOf } from "../../protocol/wire/catalog.ts";
import { jsonProblem, jsonProblemText } from "../../protocol/wire/json.ts";
import { validate } from "../http/validation.ts";
import { type ScheduleInput, scheduleRequest, toScheduleSpec } from "./request.ts";

/**
 * A schedule as `PUT /v1/schedules/:id` takes it, with its id.
 * @example
 * const nightly: DeclaredSchedule = { id: "nightly", cron: "0 30 2 * * *", name: "report" };
 */
export type DeclaredSchedule = ScheduleInput & { readonly id: string };

/**
 * The same, its name and payload checked against a catalogue.
 * @example
 * const nightly: DeclaredFor<typeof catalog> = { id: "nightly", cron: "@daily", name: "report", payload: {} };
 */
export type DeclaredFor<C extends Catalog> = {
  readonly [N in keyof C & string]: Omit<DeclaredSchedule, "name" | "payload"> & {
    readonly name: N;
    readonly payload: PayloadOf<C[N]>;
  };
}[keyof C & string];

/** How many schedules may be declared. */
const maxDeclared = 1_000;
/** Schedules of one queue in one call. */
const chunk = 200;

/**
 * Declares schedules; with a catalogue as type argument, their names and payloads are those of its jobs. A value that JSON
 * cannot carry is refused here, so that the Worker does not start; the rest is checked when the tick puts them in force,
 * which logs `schedule.refused` for each that cannot be made.
 * @throws SignalboxError `config_invalid` for a value that JSON cannot carry
 * @example
 * const schedules = declare<typeof catalog>([
 *   { id: "metrics", cron: "0 * * * *", timeZone: "Europe/Berlin", name: "host.metrics", payload: {} },
 * ]);
 * export default createSignalbox({ schedules });
 */
export function declare<C extends Catalog = never>(
  list: readonly ([C] extends [never] ? DeclaredSchedule : DeclaredFor<C>)[],
): readonly DeclaredSchedule[] {
  requireJson(list);
  return list;
}

/** JSON would make `null` of `NaN` and `{}` of a `Map`, in a payload or a time. */
function requireJson(list: readonly DeclaredSchedule[]): void {
  for (const [at, entry] of list.entries()) {
    const problem = jsonProblem(entry);
    if (problem === null) continue;
    throw new SignalboxError(
      "config_invalid",
      `declared schedule ${at}: ${jsonProblemText(problem)}`,
    );
  }
}

/** What was put in force last. */
interface InForce {
  readonly digest: string;
  /** `<queue>/<id>` of each. */
  readonly names: readonly string[];
}

/** What was done. */
export interface SyncedSchedules {
  readonly put: number;
  readonly dropped: number;
  /** Schedules of the list that could not be made; the others were. */
  readonly refused: readonly {
    readonly id: string;
    readonly queue: string;
    readonly reason: string;
  }[];
}

/**
 * Makes the schedules of `list`, and deletes those of the previous list that are gone. May be cut short anywhere and is then
 * done again: names are written down before anything is made.
 * @throws SignalboxError `config_invalid` for a list that cannot be right, `reply_unexpected`
 */
export async function syncDeclared(
  schedules: Pick<ScheduleLedger, "declared" | "declare" | "put" | "delete" | "signedBy">,
  list: readonly DeclaredSchedule[],
  { nonce, max }: { readonly nonce: string; readonly max: number },
): Promise<SyncedSchedules> {
  requireJson(list);
  const digest = await digestOf(JSON.stringify(list) + ((await schedules.signedBy()) ?? ""));
  const before = parseInForce(await schedules.declared());
  if (before.digest === digest || (list.length === 0 && before.names.length === 0))
    return { put: 0, dropped: 0, refused: [] };

  const specs = readList(list);
  const names = specs.map(nameOf);
  await schedules.declare(
    JSON.stringify({ digest: "", names: [...new Set([...before.names, ...names])] }),
  );
  const { put, refused } = await putAll(schedules, specs, { nonce, max });
  const gone = before.names.filter((name) => !names.includes(name));
  let dropped = 0;
  for (const [queue, ids] of byQueue(gone)) {
    const answers = await schedules.delete(queue, ids, "declared");
    dropped += answers.filter((answer) => answer === "deleted").length;
  }
  await schedules.declare(JSON.stringify({ digest, names }));
  return { put, dropped, refused };
}

async function putAll(
  schedules: Pick<ScheduleLedger, "put">,
  specs: readonly ScheduleSpec[],
  { nonce, max }: { readonly nonce: string; readonly max: number },
): Promise<Pick<SyncedSchedules, "put" | "refused">> {
  const refused: SyncedSchedules["refused"][number][] = [];
  let put = 0;
  for (let from = 0; from < specs.length; from += chunk) {
    const some = specs.slice(from, from + chunk);
    const answers = await schedules.put(some, { source: "declared", nonce, max, planNow: false });
    for (const [at, { id, queue }] of some.entries()) {
      const verdict = answers[at]?.verdict;
      if (verdict === undefined)
        throw new SignalboxError("reply_unexpected", `expected an answer for schedule ${id}`);
      if (verdict === "foreign")
        refused.push({ id, queue, reason: "made over HTTP, and left alone" });
      else if (verdict === "full") refused.push({ id, queue, reason: "the queue has too many" });
      else if (verdict === "never")
        refused.push({ id, queue, reason: "it has no run to come within startAt and endAt" });
      else if (verdict !== "unchanged") put++;
    }
  }
  return { put, refused };
}

function readList(list: readonly DeclaredSchedule[]): readonly ScheduleSpec[] {
  const specs = list.map((entry, at) => {
    try {
      const request = validate(scheduleRequest, entry);
      if (request.id === undefined) throw new SignalboxError("invalid_request", "expected an id");
      return toScheduleSpec(request.id, request, { maxPayloadBytes: Infinity });
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error;
      throw new SignalboxError("config_invalid", `declared schedule ${at}: ${error.message}`);
    }
  });
  const names = new Set(specs.map(nameOf));
  if (specs.length > maxDeclared || names.size < specs.length) {
    throw new SignalboxError(
      "config_invalid",
      `expected at most ${maxDeclared} declared schedules, each with an id of its own in its queue`,
    );
  }
  return specs;
}

function nameOf({ id, queue }: ScheduleSpec): string {
  return `${queue}/${id}`;
}

function byQueue(names: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const queues = new Map<string, string[]>();
  for (const name of names) {
    const [queue = "", id = ""] = name.split("/");
    queues.set(queue, [...(queues.get(queue) ?? []), id]);
  }
  return queues;
}

function parseInForce(text: string | null): InForce {
  if (text === null) return { digest: "", names: [] };
  try {
    return JSON.parse(text) as InForce;
  } catch {
    return { digest: "", names: [] };
  }
}

async function digestOf(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes, 0, 16)]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
