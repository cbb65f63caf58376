/** The jobs to dispatch: their kinds, and how each may end. */
import type { JobState } from "../../protocol/wire/job.ts";
import type { Json } from "../../protocol/wire/json.ts";
import type { Random } from "./random.ts";

/** The weight of each kind. */
const weights = {
  quick: 30,
  slow: 18,
  flaky: 10,
  doomed: 4,
  fatal: 2,
  unresponsive: 2,
  large: 3,
  oversized: 1,
  named: 8,
  delayed: 8,
  mortal: 6,
  cancelled: 8,
  deduped: 6,
  resent: 3,
  foreign: 4,
} as const;

export type JobKind = keyof typeof weights;
export const jobKinds = Object.keys(weights) as readonly JobKind[];

/** The foreign node, which speaks only the original wire format. */
export const foreignNode = "f1";

/** The payload: what the handler does. */
export interface Work {
  readonly seq: number;
  readonly ms: number;
  /** How many attempts throw before one succeeds. */
  readonly failures?: number;
  /** Whether the error is marked as not retryable. */
  readonly isFatal?: boolean;
  /** Whether it ignores that its signal was aborted. */
  readonly isDeaf?: boolean;
  /** Size of the result. */
  readonly bytes?: number;
}

/** Body of `POST /v1/jobs`. */
export interface JobRequest extends Readonly<Record<string, Json>> {
  readonly id: string;
  readonly name: JobKind;
}

/** One job to dispatch. */
export interface Order {
  readonly id: string;
  readonly kind: JobKind;
  readonly queue: string;
  readonly seq: number;
  readonly request: JobRequest;
  /** When to request its cancellation, in milliseconds after its acceptance. */
  readonly cancelAfterMs?: number;
  /** When to request that it is sent again, in milliseconds after its acceptance or cancellation. */
  readonly resendAfterMs?: number;
}

/** States in which a job of each kind may end; all but `unresponsive` also by loss: see `lossCodes`. */
export const mayEnd: Readonly<Record<JobKind, readonly JobState[]>> = {
  quick: ["succeeded"],
  slow: ["succeeded"],
  flaky: ["succeeded"],
  doomed: ["failed"],
  fatal: ["failed"],
  unresponsive: ["failed"],
  large: ["succeeded"],
  oversized: ["failed"],
  named: ["succeeded"],
  delayed: ["succeeded"],
  mortal: ["succeeded", "expired"],
  cancelled: ["succeeded", "cancelled"],
  deduped: ["succeeded"],
  resent: ["failed"],
  foreign: ["succeeded"],
};

/** Failures caused by faults, whatever the handler does. */
export const lossCodes: readonly string[] = ["attempt_lost", "undeliverable"];

/** Creates the orders of one run; some name one of `nodes`. */
export function createOrders(random: Random, nodes: readonly string[]) {
  let seq = 0;
  return (): Order => {
    seq += 1;
    const kind = random.weighted(weights);
    const queue = random.chance(0.25) ? "bulk" : "default";
    const id = `${kind}-${seq}`;
    const common = { id, name: kind, attempts: 12, backoff: backoffOf(random), queue };
    const order = { id, kind, queue, seq };
    const make = (
      work: Omit<Work, "seq">,
      options: Readonly<Record<string, Json>> = {},
    ): Order => ({
      ...order,
      request: { ...common, ...options, payload: { seq, ...work } },
    });
    switch (kind) {
      case "quick":
        return make({ ms: random.whole(0, 20) });
      case "slow":
        return make({ ms: random.whole(100, 2_000) });
      case "flaky":
        return make({ ms: random.whole(0, 80), failures: random.whole(1, 2) });
      case "doomed":
        return make({ ms: random.whole(0, 50), failures: 100 }, { attempts: random.whole(1, 3) });
      case "fatal":
        return make({ ms: random.whole(0, 50), failures: 100, isFatal: true });
      case "unresponsive":
        return make({ ms: 1_200, isDeaf: true }, { timeoutMs: 300, attempts: 2 });
      case "large":
        return make({ ms: 10, bytes: random.whole(50_000, 200_000) });
      case "oversized":
        return make({ ms: 10, bytes: 300_000 });
      case "named":
        return make({ ms: random.whole(0, 300) }, { node: random.pick(nodes) });
      case "delayed":
        return make({ ms: random.whole(0, 50) }, { delayMs: random.whole(100, 4_000) });
      case "mortal":
        return make({ ms: random.whole(0, 300) }, { ttlMs: random.whole(20, 2_500) });
      case "cancelled": {
        const delay = random.chance(0.4) ? { delayMs: random.whole(100, 2_000) } : {};
        const order = make({ ms: random.whole(300, 1_500) }, delay);
        return { ...order, cancelAfterMs: random.whole(0, 1_500) };
      }
      case "resent": {
        const order = make({ ms: random.whole(0, 50), failures: 100 }, { attempts: 2 });
        return { ...order, resendAfterMs: random.whole(300, 2_500) };
      }
      case "foreign": {
        const order = make({ ms: 0 }, { node: foreignNode, queue: "default" });
        return { ...order, queue: "default" };
      }
      case "deduped": {
        const mode = random.pick(["reject", "return", "replace", "debounce"]);
        const key = `${mode}-${random.whole(1, 4)}`;
        const dedupe = { key, mode, windowMs: random.whole(200, 3_000) };
        return make({ ms: random.whole(0, 300) }, { dedupe });
      }
    }
  };
}

function backoffOf(random: Random): Json {
  const delayMs = random.whole(50, 500);
  if (random.chance(0.5)) return { kind: "fixed", delayMs };
  return { kind: "exponential", delayMs, capMs: 2_000, jitter: 0.2 };
}
