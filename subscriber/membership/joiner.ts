/**
 * Joins every assignment after each (re)subscription, and after the connection for commands was lost: a `finish` whose
 * answer never came may have leased jobs to this process.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { NodeLedger } from "../../protocol/ledger/nodes.ts";
import { itemAt } from "../../protocol/redis/reply.ts";
import type { Attempts } from "../attempt/attempts.ts";
import { loseAttempt } from "../attempt/stop-attempt.ts";
import type { Config } from "../config/config.ts";
import { backoffMs } from "../connection/backoff.ts";
import type { Listener } from "../connection/listener.ts";
import { sleep } from "../connection/sleep.ts";
import type { SubscriberEvents } from "../events.ts";
import type { Guard } from "../guard/guard.ts";
import type { Assignment } from "./assignment.ts";
import type { Inbox } from "./inbox.ts";

/** How long a delivery that a join had sent again can be on its way, in milliseconds. */
const memoryMs = 15_000;

/** See `createJoiner`. */
export interface Joiner {
  /**
   * Joins now, or once more after the joining that is under way. Goes on trying until it succeeds or the subscriber
   * stops; `listening` is emitted after each success. Repeat-safe.
   */
  join(): void;
}

/** What a joiner reads of the subscriber. */
export interface JoinerContext {
  readonly nodeLedger: Pick<NodeLedger, "join">;
  readonly assignments: readonly Assignment[];
  readonly attempts: Attempts;
  readonly config: Pick<Config, "host">;
  readonly events: SubscriberEvents;
  readonly guard: Pick<Guard, "joined">;
  readonly stopping: AbortController;
}

/** Which parts a joiner calls. */
export interface JoinerParts {
  readonly inbox: Pick<Inbox, "open">;
  readonly listener: Pick<Listener, "resubscribe">;
}

/** Creates the joiner of all assignments. */
export function createJoiner(context: JoinerContext, { inbox, listener }: JoinerParts): Joiner {
  const { nodeLedger, assignments, attempts, events, guard, stopping } = context;
  /** What `GET /v1/nodes` shows of this process. */
  const info = JSON.stringify({ host: context.config.host, pid: process.pid });
  let isJoining = false;
  let isWanted = false;

  async function joinOne(assignment: Assignment): Promise<void> {
    if (assignment.phase === "superseded" || assignment.phase === "left") return;
    // A first join has nothing sent again.
    if (assignment.epoch !== null) setTimeout(attempts.remember().forget, memoryMs).unref();
    const running = attempts.list(assignment);
    // If the contest is announced while the call is under way, its answer does not settle the contest.
    const wasContested = assignment.phase === "contested";
    const joined = await nodeLedger.join({
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
    for (const index of joined.lost) {
      const attempt = itemAt(running, index, "a running attempt");
      if (!attempt.hasEnded) loseAttempt(attempt, events);
    }
    assignment.epoch = joined.epoch;
    guard.joined({ node: assignment.node, queue: assignment.queue, epoch: joined.epoch });
    if (assignment.phase === "joining") {
      assignment.phase = "live";
      if (inbox.open(assignment)) isWanted = true;
    } else if (wasContested && assignment.phase === "contested") assignment.phase = "live";
    if (!joined.isHeard) listener.resubscribe();
  }

  async function joinAll(): Promise<void> {
    isJoining = true;
    for (let failures = 0; isWanted && !stopping.signal.aborted;) {
      isWanted = false;
      try {
        await Promise.all(assignments.map(joinOne));
        const live = assignments.filter(({ phase }) => phase === "live");
        events.emit("listening", { nodes: [...new Set(live.map(({ node }) => node))] });
        failures = 0;
      } catch (error) {
        if (!(error instanceof SignalboxError)) throw error;
        isWanted = true;
        const retryInMs = backoffMs(++failures, { firstMs: 100, capMs: 5_000 });
        events.emit("redis:failed", { during: "join", error, retryInMs });
        await sleep(retryInMs, stopping.signal);
      }
    }
    isJoining = false; // in the same turn as the last look at isWanted: no call comes in between
  }

  return {
    join(): void {
      isWanted = true;
      if (!isJoining) void joinAll();
    },
  };
}
