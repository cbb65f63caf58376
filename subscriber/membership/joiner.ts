/**
 * Joins every assignment after each (re)subscription, and after the connection for commands was lost: a
 * `finish` whose answer never came may have leased jobs to us.
 */
import type { SignalboxError } from "../../protocol/error.ts";
import type { NodeLedger } from "../../protocol/ledger/nodes.ts";
import type { Attempt, Attempts } from "../attempt/attempts.ts";
import { backoffMs } from "../connection/backoff.ts";
import type { SubscriberEvents } from "../events.ts";
import type { Assignment } from "./assignment.ts";
import { sleep } from "../connection/sleep.ts";

/** How long a delivery that a join had sent again can be on its way, in milliseconds. */
const memoryMs = 15_000;

/** What a joiner is given. */
export interface JoinerOptions {
  readonly ledger: NodeLedger;
  readonly assignments: readonly Assignment[];
  readonly attempts: Attempts;
  readonly events: SubscriberEvents;
  /** What the subscriber says of itself in `GET /v1/nodes`, JSON text. */
  readonly info: string;
  readonly onJoined: (assignment: Assignment) => void;
  readonly onLost: (attempt: Attempt) => void;
  /** Nobody listened on the assignment's channel when it joined. */
  readonly onNoListener: () => void;
  readonly signal: AbortSignal;
}

/** Creates the joiner. */
export function createJoiner(options: JoinerOptions) {
  const { ledger, assignments, attempts, events, info, onJoined, onLost, onNoListener, signal } =
    options;
  let isJoining = false;
  let isWanted = false;

  async function joinOne(assignment: Assignment): Promise<void> {
    if (assignment.phase === "superseded" || assignment.phase === "left") return;
    // A first join has nothing sent again.
    if (assignment.epoch !== null) setTimeout(attempts.remember().forget, memoryMs).unref();
    const running = attempts.list(assignment);
    // An answer to what was asked before the message came says nothing of it.
    const wasContested = assignment.phase === "contested";
    const joined = await ledger.join({
      queue: assignment.queue,
      name: assignment.node,
      epoch: assignment.epoch,
      slots: assignment.slots,
      info,
      running: running.map((attempt) => attempt.member),
    });
    if (joined.kind === "superseded") {
      assignment.phase = "superseded";
      events.emit("superseded", { node: assignment.node, queue: assignment.queue });
      return;
    }
    for (const position of joined.lost) {
      const attempt = running[position];
      if (attempt !== undefined && !attempt.hasEnded) onLost(attempt);
    }
    assignment.epoch = joined.epoch;
    if (assignment.phase === "joining") {
      assignment.phase = "live";
      onJoined(assignment);
    } else if (wasContested && assignment.phase === "contested") assignment.phase = "live";
    if (!joined.isHeard) onNoListener();
  }

  async function joinAll(): Promise<void> {
    isJoining = true;
    for (let failures = 0; isWanted && !signal.aborted;) {
      isWanted = false;
      try {
        await Promise.all(assignments.map(joinOne));
        const nodes = assignments
          .filter((assignment) => assignment.phase === "live")
          .map((assignment) => assignment.node);
        events.emit("listening", { nodes: [...new Set(nodes)] });
        failures = 0;
      } catch (error) {
        isWanted = true;
        const retryInMs = backoffMs(++failures, { firstMs: 100, capMs: 5_000 });
        events.emit("redis:failed", { during: "join", error: error as SignalboxError, retryInMs });
        await sleep(retryInMs, signal);
      }
    }
    isJoining = false; // in the same turn as the last look at isWanted: no call comes in between
  }

  return {
    /** Joins now, or once more after the joining that is under way. */
    join(): void {
      isWanted = true;
      if (!isJoining) void joinAll();
    },
  };
}
