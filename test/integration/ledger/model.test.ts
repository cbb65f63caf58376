import fc from "fast-check";
import { describe } from "vitest";
import { type Ending, leaseMember } from "../../../protocol/ledger/nodes.ts";
import type { Envelope } from "../../../protocol/wire/messages.ts";
import type { Ear, LedgerBench } from "../../support/ledger.ts";
import { ended, job, openLedger, test, timing } from "../../support/ledger.ts";
import { placesOf, problemsOf } from "../../support/ledger-state.ts";
import { nodeNames, type Step, step } from "./model-steps.ts";

/** A subscriber's process as the model has it. */
interface Process {
  readonly ear: Ear;
  slots: number;
  epoch: string;
  mode: "take" | "pass";
  /** What it knows that it runs, by lease member. */
  readonly running: Map<string, Envelope>;
  read: number;
}

/** Everything the model remembers of one run. */
interface Model {
  readonly bench: LedgerBench;
  readonly processes: Map<string, Process>;
  /** Something else that listens on a node's channel, such as a half-open connection. */
  readonly listeners: Map<string, Ear>;
  readonly accepted: Set<string>;
  /** The first result stored of each job; it must never change. */
  readonly results: Map<string, string>;
  /** All attempts ever delivered. */
  readonly attempts: Envelope[];
  last: () => Promise<unknown>;
}

async function hear(process: Process): Promise<void> {
  await process.ear.settled();
  const all = process.ear.envelopes();
  for (const each of all.slice(process.read)) process.running.set(leaseMember(each), each);
  process.read = all.length;
}

async function finish(
  model: Model,
  endings: readonly Ending[],
  use: Parameters<LedgerBench["nodes"]["finish"]>[2],
) {
  const before = new Set((await model.bench.state()).leases);
  const finished = await model.bench.nodes.finish("default", endings, use);
  const seen = new Set<string>();
  endings.forEach((ending, at) => {
    const member = leaseMember(ending);
    const isHeld = before.has(member) && !seen.has(member);
    seen.add(member);
    if ((finished.verdicts[at] === "stored") !== isHeld) {
      throw new Error(
        `${member} was ${isHeld ? "" : "not "}held, yet ${finished.verdicts[at] ?? ""}`,
      );
    }
  });
  return finished;
}

async function start(model: Model, name: string, slots: number): Promise<void> {
  const former = model.processes.get(name);
  if (former !== undefined) await former.ear.close();
  const { ear, epoch } = await model.bench.connect(name, slots);
  const process: Process = { ear, slots, epoch, mode: "take", running: new Map(), read: 0 };
  model.processes.set(name, process);
}

/** Leases of a node that it runs, or that a predecessor may run, and those that it was only sent. */
async function leasesOf({ bench }: Model, name: string, running: readonly string[]) {
  const words = await bench.redis.zrange(bench.keys.leases, "0", "-1", "WITHSCORES");
  const members = words.filter((_, at) => at % 2 === 0 && words[at]?.endsWith(` ${name}`));
  const kept = members.filter(
    (member) => running.includes(member) || Number(words[words.indexOf(member) + 1]) % 1 !== 0,
  );
  return { kept: kept.length, all: members.length };
}

async function rejoin(model: Model, name: string, process: Process): Promise<void> {
  await hear(process);
  const members = [...process.running.keys()];
  const { epoch, slots } = process;
  const call = { queue: "default", name, epoch, slots, info: "{}", running: members };
  const joined = await model.bench.nodes.join(call);
  if (joined.kind === "superseded") throw new Error("nobody else has joined");
  for (const at of joined.lost) process.running.delete(members[at] ?? "");
  const { kept, all } = await leasesOf(model, name, members);
  if (all > Math.max(slots, kept))
    throw new Error(
      `${name} joined with ${slots} slots and has ${all} leases, ${kept} of them run`,
    );
}

function endingOf(envelope: Envelope, state: Ending["state"]): Ending {
  const ending = ended(envelope, state, `${envelope.token} ${envelope.node}`);
  if (state !== "retry") return ending;
  return { ...ending, delayMs: 500, text: '{"code":"x","message":"y","retryable":true}' };
}

async function perform(model: Model, what: Step): Promise<void> {
  const { bench, processes } = model;
  const process = "node" in what ? processes.get(what.node) : undefined;
  const remember = async (again: () => Promise<unknown>) => {
    model.last = again;
    await again();
  };
  switch (what.do) {
    case "dispatch": {
      const more = {
        ...(what.target === "-" ? {} : { node: what.target }),
        ...(what.delay === 0 ? {} : { start: { inMs: what.delay } }),
        attempts: 3,
      };
      await remember(async () => {
        const answers = await bench.ledger.dispatch(what.ids.map((id) => job(`j${id}`, more)));
        for (const { kind, id } of answers) if (kind === "accepted") model.accepted.add(id);
      });
      return;
    }
    case "finish": {
      if (process === undefined) return;
      await hear(process);
      const picked = [...process.running.values()].slice(0, what.count);
      const endings = picked.map((each) => endingOf(each, what.state as Ending["state"]));
      const waiting = what.waiting && process.mode === "take";
      const use = {
        nodes: [{ node: what.node, mode: process.mode, waiting }],
        wasBusy: what.wasBusy,
      };
      await remember(async () => {
        const { next } = await finish(model, endings, use);
        for (const text of next) {
          const envelope = JSON.parse(text) as Envelope;
          model.attempts.push(envelope);
          process.running.set(leaseMember(envelope), envelope);
        }
        for (const each of picked) process.running.delete(leaseMember(each));
      });
      return;
    }
    case "old": {
      const old = model.attempts[what.pick % Math.max(1, model.attempts.length)];
      if (old === undefined) return;
      // Like a result from another process: the caller has no slots.
      await finish(model, [endingOf(old, "succeeded")], { nodes: [], wasBusy: false });
      return;
    }
    case "renew": {
      if (process === undefined) return;
      await hear(process);
      const members = [...process.running.keys()];
      if (members.length === 0) return;
      const lost = await bench.nodes.renew("default", members);
      for (const at of lost) process.running.delete(members[at] ?? "");
      return;
    }
    case "start":
      await start(model, what.node, what.slots);
      return;
    case "rejoin":
      if (process === undefined) return;
      await remember(async () => {
        // Not repeated once the process has left: on its connection, the join comes before the leave.
        const isThere = processes.get(what.node) === process && process.mode === "take";
        process.slots = what.slots ?? process.slots;
        if (isThere) await rejoin(model, what.node, process);
      });
      return;
    case "listen": {
      const listener = model.listeners.get(what.node);
      await listener?.close();
      if (listener === undefined) model.listeners.set(what.node, await bench.listen(what.node));
      else model.listeners.delete(what.node);
      return;
    }
    case "crash":
      await process?.ear.close();
      processes.delete(what.node);
      return;
    case "drain":
    case "leave": {
      if (process === undefined) return;
      const nodeRow = { node: what.node, epoch: process.epoch };
      process.mode = "pass";
      await hear(process);
      if (what.do === "drain") {
        await remember(() => bench.nodes.leave("default", nodeRow, "draining"));
        return;
      }
      const endings = [...process.running.values()].map((each) => endingOf(each, "released"));
      const nodes = [{ node: what.node, mode: "pass" as const, waiting: false }];
      await finish(model, endings, { nodes, wasBusy: false });
      await bench.nodes.leave("default", nodeRow, "gone");
      await process.ear.close();
      processes.delete(what.node);
      return;
    }
    case "pass":
      bench.clock.advance(what.ms);
      await remember(async () => {
        await bench.maintenance.recover(["default"], 50);
        await bench.maintenance.runDue(["default"], 50);
      });
      return;
    case "retry-parked":
      await remember(() => bench.maintenance.retryParked(["default"], 10));
      return;
    case "cancel":
      await remember(() => bench.ledger.cancel("default", `j${what.id}`));
      return;
    case "repeat":
      await model.last();
  }
}

async function check(model: Model, what: Step): Promise<void> {
  const state = await model.bench.state();
  const problems = [...problemsOf(state)];
  const places = placesOf(state);
  for (const id of model.accepted) {
    if (places.get(id)?.length !== 1)
      problems.push(`accepted ${id} is in ${String(places.get(id))}`);
  }
  for (const [id, record] of Object.entries(state.results)) {
    const first = model.results.get(id);
    if (first !== undefined && first !== record) problems.push(`the result of ${id} has changed`);
    model.results.set(id, record);
  }
  for (const id of model.results.keys()) {
    if (!Object.hasOwn(state.results, id)) problems.push(`the result of ${id} is gone`);
  }
  for (const process of model.processes.values()) {
    for (const each of process.ear.envelopes()) model.attempts.push(each);
  }
  if (problems.length > 0) throw new Error(`after ${JSON.stringify(what)}: ${problems.join("; ")}`);
}

/** Whatever has happened, live nodes and time bring every accepted job to an end. */
async function settle(model: Model): Promise<void> {
  const { bench } = model;
  for (const name of [...nodeNames, "foreign"]) await start(model, name, 3);
  for (let round = 0; round < 60; round++) {
    for (const [name, process] of model.processes) {
      await hear(process);
      const endings = [...process.running.values()].map((each) => endingOf(each, "succeeded"));
      process.running.clear();
      const nodes = [{ node: name, mode: "take" as const, waiting: true }];
      const { next } = await finish(model, endings, { nodes, wasBusy: false });
      for (const text of next) {
        const envelope = JSON.parse(text) as Envelope;
        process.running.set(leaseMember(envelope), envelope);
      }
    }
    const { results } = await bench.state();
    if ([...model.accepted].every((id) => Object.hasOwn(results, id))) return;
    bench.clock.advance(timing.leaseMs + 1);
    await bench.maintenance.recover(["default"], 100);
    await bench.maintenance.runDue(["default"], 100);
    for (const [name, process] of model.processes) await rejoin(model, name, process);
  }
  const { results } = await bench.state();
  const left = [...model.accepted].filter((id) => !Object.hasOwn(results, id));
  throw new Error(`never ended: ${left.join(" ")}; ${JSON.stringify(await bench.state())}`);
}

describe("any interleaving of the ledger's scripts", () => {
  test("keeps the invariants, stores each result once and loses no job", async ({ server }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        await using bench = await openLedger(server);
        const model: Model = {
          bench,
          processes: new Map(),
          listeners: new Map(),
          accepted: new Set(),
          results: new Map(),
          attempts: [],
          last: () => Promise.resolve(),
        };
        for (const what of steps) {
          await perform(model, what);
          await check(model, what);
        }
        await settle(model);
      }),
      { numRuns: 60, endOnFailure: false, interruptAfterTimeLimit: 12_000 },
    );
  });
});
