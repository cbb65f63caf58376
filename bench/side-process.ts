/**
 * One side of one system in a process of its own: `node bench/side-process.ts <json of SideOptions>`.
 * Takes orders from its parent and answers each with what it measured.
 */
import {
  type Caller,
  type ContenderName,
  monotonicMs,
  type Payload,
  type Side,
} from "./contender.ts";
import { loadContender } from "./load-contender.ts";
import { type CallerReport, runWorkload, type Workload } from "./workload.ts";

/** What the process is to be. */
export type SideOptions = { readonly contender: ContenderName; readonly url: string } & (
  | { readonly role: "caller"; readonly hears: boolean }
  | {
      readonly role: "consumer";
      readonly slots: number;
      readonly node: string;
      /** How long each job takes. */
      readonly jobMs: number;
    }
);

/** The orders of the parent; each is answered once, in order. */
export type Order =
  | { readonly kind: "run"; readonly workload: Workload }
  /** Clears all counts. */
  | { readonly kind: "reset" }
  | { readonly kind: "recorded" }
  | { readonly kind: "report" }
  | { readonly kind: "close" };

/** What a consumer measured since the last reset, one number for each job. */
export interface ConsumerReport {
  /** From the call to the start of the handler, in milliseconds. */
  readonly startMs: readonly number[];
  /** When each handler started and ended, by `monotonicMs`. */
  readonly spans: readonly (readonly [number, number])[];
}

/** Its answers; it sends `ready` by itself. */
export type Answer =
  | { readonly kind: "ready" }
  | { readonly kind: "ran"; readonly report: CallerReport }
  /** How many jobs were recorded since the last reset, and when the last one was. */
  | { readonly kind: "recorded"; readonly count: number; readonly atMs: number }
  | { readonly kind: "report"; readonly report: ConsumerReport; readonly cpuMs: number }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly reason: string };

type Perform = (order: Order) => Promise<Answer>;

function reply(answer: Answer): void {
  process.send?.(answer);
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

async function startConsumer(options: SideOptions & { role: "consumer" }): Promise<Perform> {
  const contender = await loadContender(options.contender);
  let startMs: number[] = [];
  let spans: [number, number][] = [];
  let recorded = 0;
  let recordedAtMs = 0;
  const run = async (payload: Payload): Promise<number> => {
    const started = monotonicMs();
    startMs.push(started - payload.at);
    if (options.jobMs > 0) await new Promise((resolve) => setTimeout(resolve, options.jobMs));
    if (options.jobMs > 0) spans.push([started, monotonicMs()]);
    return payload.n;
  };
  const side: Side = await contender.consume({
    ...options,
    run,
    onRecorded: (count) => {
      recorded += count;
      recordedAtMs = monotonicMs();
    },
  });
  const perform = async (order: Order): Promise<Answer> => {
    switch (order.kind) {
      case "reset":
        [startMs, spans, recorded] = [[], [], 0];
        return { kind: "done" };
      case "recorded":
        return { kind: "recorded", count: recorded, atMs: recordedAtMs };
      case "report":
        return { kind: "report", report: { startMs, spans }, cpuMs: cpuMs() };
      case "close":
        await side.close();
        return { kind: "done" };
      case "run":
        throw new Error("a consumer makes no calls");
    }
  };
  return perform;
}

async function startCaller(options: SideOptions & { role: "caller" }): Promise<Perform> {
  const contender = await loadContender(options.contender);
  const caller: Caller = await contender.connect(options);
  return async (order) => {
    switch (order.kind) {
      case "run":
        return { kind: "ran", report: await runWorkload(caller, order.workload) };
      case "report":
        return { kind: "report", report: { startMs: [], spans: [] }, cpuMs: cpuMs() };
      case "reset":
        return { kind: "done" };
      case "close":
        await caller.close();
        return { kind: "done" };
      case "recorded":
        throw new Error("a caller records nothing");
    }
  };
}

function fail(error: unknown): void {
  reply({ kind: "failed", reason: error instanceof Error ? String(error.stack) : String(error) });
}

process.on("unhandledRejection", fail);
process.on("disconnect", () => {
  process.exit();
});
const options = JSON.parse(process.argv[2] ?? "{}") as SideOptions;
const perform =
  options.role === "caller" ? await startCaller(options) : await startConsumer(options);
process.on("message", (order: Order) => {
  perform(order).then((answer) => {
    reply(answer);
    if (order.kind === "close") process.disconnect();
  }, fail);
});
reply({ kind: "ready" });
