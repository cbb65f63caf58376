/**
 * The handlers of a chaos run. Each run appends a line at its start and one at its end to a file outside Redis. A line
 * is a single write, so that those of different processes do not mix.
 */
import { randomUUID } from "node:crypto";
import { openSync, writeSync } from "node:fs";
import type { RunContext } from "../../protocol/wire/catalog.ts";
import type { Json } from "../../protocol/wire/json.ts";
import { jobKinds, type Work } from "./jobs.ts";
import { pause } from "./pace.ts";
import type { RunLine } from "./run-log.ts";

const file = openSync(process.env["CHAOS_RUNS"] ?? "/dev/null", "a");

function note(line: RunLine): void {
  writeSync(file, `${JSON.stringify(line)}\n`);
}

async function work(payload: Work, context: RunContext): Promise<Json> {
  const { id, queue, node, attempt, signal } = context;
  const run = randomUUID();
  const about = { run, id, queue, node, attempt, pid: process.pid };
  note({ ...about, what: "start", at: Date.now() });
  await pause(payload.ms, payload.isDeaf === true ? undefined : signal);
  const fails = attempt <= (payload.failures ?? 0);
  const reason = signal.aborted ? String(signal.reason) : undefined;
  const how = reason ?? (fails ? "threw" : "done");
  note({ ...about, what: "end", at: Date.now(), how });
  if (fails) {
    const retryable = payload.isFatal !== true;
    throw Object.assign(new Error(`as asked [${run}]`), { code: "as_asked", retryable });
  }
  return { run, seq: payload.seq, filling: "x".repeat(payload.bytes ?? 0) };
}

export const handlers = {
  ...Object.fromEntries(jobKinds.map((kind) => [kind, work])),
  echo: (payload: Json): Json => payload,
};
