/**
 * Joins every seat after each (re)subscription, and after the connection for commands was lost: a
 * `finish` whose answer never came may have leased jobs to us.
 */
import type { SignalboxError } from "../../protocol/error.ts";
import type { NodeLedger } from "../../protocol/ledger/nodes.ts";
import type { Attempt, Attempts } from "../attempt/attempts.ts";
import { backoffMs } from "../connection/backoff.ts";
import type { SubscriberEvents } from "../events.ts";
import type { Seat } from "./assignment.ts";
import { sleep } from "../connection/sleep.ts";

/** How long a delivery that a join had sent again can be on its way, in milliseconds. */
const memoryMs = 15_000;

/** What a joiner is given. */
export interface JoinerOptions {
  readonly ledger: NodeLedger;
  readonly seats: readonly Seat[];
  readonly attempts: Attempts;
  readonly events: SubscriberEvents;
  /** What the subscriber says of itself in `GET /v1/nodes`, JSON text. */
  readonly info: string;
  readonly onJoined: (seat: Seat) => void;
  readonly onLost: (attempt: Attempt) => void;
  /** Nobody listened on the seat's channel when it joined. */
  readonly onUnheard: () => void;
  readonly signal: AbortSignal;
}

/** Creates the joiner. */
export function createJoiner(options: JoinerOptions) {
  const { ledger, seats, attempts, events, info, onJoined, onLost, onUnheard, signal } = options;
  let isJoining = false;
  let isWanted = false;

  async function joinSeat(seat: Seat): Promise<void> {
    if (seat.phase === "superseded" || seat.phase === "left") return;
    // A first join has nothing sent again.
    if (seat.epoch !== null) setTimeout(attempts.remember().forget, memoryMs).unref();
    const running = attempts.list(seat);
    // An answer to what was asked before the message came says nothing of it.
    const wasContested = seat.phase === "contested";
    const joined = await ledger.join({
      queue: seat.queue,
      name: seat.node,
      epoch: seat.epoch,
      slots: seat.slots,
      info,
      running: running.map((attempt) => attempt.member),
    });
    if (joined.kind === "superseded") {
      seat.phase = "superseded";
      events.emit("superseded", { node: seat.node, queue: seat.queue });
      return;
    }
    for (const position of joined.lost) {
      const attempt = running[position];
      if (attempt !== undefined && !attempt.hasEnded) onLost(attempt);
    }
    seat.epoch = joined.epoch;
    if (seat.phase === "joining") {
      seat.phase = "live";
      onJoined(seat);
    } else if (wasContested && seat.phase === "contested") seat.phase = "live";
    if (!joined.isHeard) onUnheard();
  }

  async function joinAll(): Promise<void> {
    isJoining = true;
    for (let failures = 0; isWanted && !signal.aborted;) {
      isWanted = false;
      try {
        await Promise.all(seats.map(joinSeat));
        const nodes = seats.filter((seat) => seat.phase === "live").map((seat) => seat.node);
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
