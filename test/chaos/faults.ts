/** Carries out the plan. Skips a fault whose target is already disturbed, and prints that. */
import { fireCron } from "../../local/clock.ts";
import type { History } from "./history.ts";
import type { Link } from "./link.ts";
import { litter, replay } from "./noise.ts";
import type { Observer } from "./observer.ts";
import { pause } from "./pace.ts";
import { describeFault, type Fault } from "./plan.ts";
import { createRandom } from "./random.ts";
import type { Stack } from "./stack.ts";
import type { Station } from "./station.ts";

const tickMs = 10_000;

/** Fires the tick. It may fail: that is what the faults are for. */
export async function tick(stack: Stack, history: History): Promise<void> {
  try {
    // eslint-disable-next-line no-restricted-syntax -- the limit of a request, passed by position
    await fireCron(stack.master.url, Date.now(), AbortSignal.timeout(tickMs));
    history.count("tick done");
  } catch {
    history.count("tick failed");
  }
}

/** The parts that faults act on. */
export interface Scene {
  readonly stack: Stack;
  readonly history: History;
  readonly observer: Observer;
}

/** Resolves when the last fault of the plan is over and every part works again. */
export async function carryOut(plan: readonly Fault[], scene: Scene): Promise<void> {
  const { stack, history } = scene;
  const startedAt = performance.now();
  const busy = new Set<string>();
  const all: Promise<void>[] = [];
  for (const fault of plan) {
    await pause(Math.max(0, startedAt + fault.atMs - performance.now()));
    if (busy.has(fault.target)) {
      history.line(`left out, ${fault.target} is in trouble: ${fault.kind}`);
      history.count("left out");
      continue;
    }
    busy.add(fault.target);
    history.count(`fault: ${fault.kind}`);
    all.push(
      perform(fault, scene)
        .then((what) => {
          history.line(`over: ${describeFault(fault).trim()}${what ? ` (${what})` : ""}`);
        })
        .finally(() => busy.delete(fault.target)),
    );
  }
  await Promise.all(all);
  for (const link of stack.links.values()) link.heal();
}

async function perform(fault: Fault, scene: Scene): Promise<string | undefined> {
  const { stack, history, observer } = scene;
  const { kind, target, ms } = fault;
  const random = createRandom(fault.seed);
  const noise = { direct: stack.direct, observer, history };
  switch (kind) {
    case "kill":
    case "roll":
    case "overlap":
    case "freeze":
      return inTrouble(fault, scene, () => disturb(stationOf(stack, target), fault));
    case "station-link":
      return inTrouble(fault, scene, () => disturbLink(linkOf(stack, target), fault));
    case "callback-link":
    case "shared-link":
      return disturbLink(linkOf(stack, target), fault);
    case "redis-crash":
    case "redis-freeze":
    case "redis-full":
    case "redis-readonly":
      return inTrouble(fault, scene, () => disturbRedis(stack, fault));
    case "script-flush":
      await stack.direct.script("FLUSH");
      return undefined;
    case "function-kill":
    case "gateway-kill": {
      const part = kind === "function-kill" ? stack.master : stack.gateway;
      await part.kill();
      await pause(ms);
      await part.start();
      return undefined;
    }
    case "double-tick":
      await Promise.all([tick(stack, history), tick(stack, history)]);
      return undefined;
    case "replay":
      return replay(noise, random);
    case "garbage":
      return litter(noise, random);
  }
}

/** Records the trouble for the later explanation of runs; that of a station's link belongs to the station. */
async function inTrouble(
  fault: Fault,
  { history }: Scene,
  work: () => Promise<undefined>,
): Promise<undefined> {
  const target = fault.target.replace(/^redis-(?=[a-z]$)/, "");
  const end = history.begin(target, [fault.kind, fault.flow].filter(Boolean).join(" "));
  try {
    await work();
  } finally {
    end();
  }
}

async function disturb(station: Station, { kind, ms }: Fault): Promise<undefined> {
  if (kind === "kill") {
    await station.kill();
    await pause(ms);
    await station.start();
  } else if (kind === "freeze") {
    station.freeze();
    await pause(ms);
    station.thaw();
  } else if (kind === "roll") {
    await station.roll();
  } else {
    await station.overlap();
  }
}

async function disturbLink(link: Link, { flow, scope, ms }: Fault): Promise<undefined> {
  if (flow === "cut") {
    link.cut(scope);
  } else if (flow !== undefined) {
    link.disturb(flow, scope);
    await pause(ms);
    link.heal();
  }
}

async function disturbRedis({ redis, direct }: Stack, { kind, ms }: Fault): Promise<undefined> {
  if (kind === "redis-crash") {
    await redis.crash();
    await pause(ms);
    await redis.restart();
  } else if (kind === "redis-freeze") {
    redis.pause();
    await pause(ms);
    redis.resume();
  } else if (kind === "redis-full") {
    await direct.config("SET", "maxmemory", "1");
    await pause(ms);
    await direct.config("SET", "maxmemory", "0");
  } else {
    // A replica without a master: it serves reads, refuses writes and keeps its data.
    await direct.replicaof("127.0.0.1", 1);
    await pause(ms);
    await direct.replicaof("NO", "ONE");
  }
}

function stationOf({ stations }: Stack, name: string): Station {
  const found = stations.find((station) => station.name === name);
  if (found === undefined) throw new Error(`expected a station, got ${name}`);
  return found;
}

function linkOf({ links }: Stack, name: string): Link {
  const found = links.get(name);
  if (found === undefined) throw new Error(`expected a link, got ${name}`);
  return found;
}
