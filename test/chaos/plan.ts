/** The plan of faults, made from the seed in advance, so that a seed repeats it. */
import type { Flow, Scope } from "./link.ts";
import type { Random } from "./random.ts";

/** The weight of each kind of fault. */
const weights = {
  kill: 10,
  roll: 5,
  overlap: 5,
  freeze: 6,
  "redis-crash": 5,
  "redis-freeze": 3,
  "redis-full": 3,
  "redis-readonly": 2,
  "script-flush": 3,
  "function-kill": 1.5,
  "gateway-kill": 2,
  "station-link": 24,
  "callback-link": 9,
  "shared-link": 9,
  replay: 8,
  garbage: 6,
  "double-tick": 4,
} as const;

export type FaultKind = keyof typeof weights;

/** One fault: its kind, target, time and duration. */
export interface Fault {
  readonly atMs: number;
  readonly kind: FaultKind;
  /** Name of a subscriber or a link; otherwise that of the kind. */
  readonly target: string;
  readonly ms: number;
  /** For links; `cut` ends immediately. */
  readonly flow?: Flow | "cut";
  readonly scope?: Scope;
  /** For draws while the fault lasts. */
  readonly seed: number;
}

/** The possible targets. */
export interface Targets {
  readonly stations: readonly string[];
  /** Shared links: `client`, `rest`, `gateway`. */
  readonly shared: readonly string[];
}

/** How long each kind lasts, in milliseconds. */
const lasts: Readonly<Partial<Record<FaultKind, readonly [number, number]>>> = {
  kill: [0, 5_000],
  freeze: [1_000, 7_000],
  "redis-crash": [0, 3_000],
  "redis-freeze": [200, 4_000],
  "redis-full": [300, 2_000],
  "redis-readonly": [300, 2_000],
  "function-kill": [0, 1_000],
  "gateway-kill": [0, 1_500],
  "station-link": [100, 7_000],
  "callback-link": [200, 6_000],
  "shared-link": [100, 3_000],
};

/** Plans faults for `totalMs`, about one every `everyMs`. */
export function makePlan(
  random: Random,
  { stations, shared }: Targets,
  { totalMs, everyMs }: { readonly totalMs: number; readonly everyMs: number },
): readonly Fault[] {
  const faults: Fault[] = [];
  for (let atMs = random.whole(200, everyMs); atMs < totalMs;) {
    const kind = random.weighted(weights);
    const [low, high] = lasts[kind] ?? [0, 0];
    const common = { atMs, kind, ms: random.whole(low, high), seed: random.whole(1, 1e9) };
    faults.push({ ...common, ...aim(kind) });
    atMs += random.whole(Math.ceil(everyMs * 0.2), Math.ceil(everyMs * 1.8));
  }
  return faults;

  function aim(kind: FaultKind): Pick<Fault, "target" | "flow" | "scope"> {
    switch (kind) {
      case "kill":
      case "roll":
      case "overlap":
      case "freeze":
        return { target: random.pick(stations) };
      case "station-link":
        return {
          target: `redis-${random.pick(stations)}`,
          flow: random.pick(["cut", "hold", "hole", "refuse", "drop"]),
          scope: random.pick(["all", "all", "subscription", "commands"]),
        };
      case "callback-link":
        return {
          target: `callback-${random.pick(stations)}`,
          flow: random.pick(["cut", "hold", "hole", "refuse", "drop", "error"]),
        };
      case "shared-link":
        return {
          target: random.pick(shared),
          flow: random.pick(["cut", "hold", "hole", "refuse", "drop"]),
        };
      case "function-kill":
        return { target: "function" };
      case "gateway-kill":
        return { target: "gateway-process" };
      case "double-tick":
        return { target: "tick" };
      case "replay":
      case "garbage":
        return { target: "channels" };
      case "redis-crash":
      case "redis-freeze":
      case "redis-full":
      case "redis-readonly":
      case "script-flush":
        return { target: "redis" };
    }
  }
}

/** One line of the plan, as printed. */
export function describeFault({ atMs, kind, target, ms, flow, scope }: Fault): string {
  const what = [flow, scope].filter(Boolean).join(" ");
  const time = (atMs / 1000).toFixed(1).padStart(6);
  return `${time} s  ${kind} ${target}${what && ` ${what}`}${ms > 0 ? ` for ${ms} ms` : ""}`;
}
