/**
 * Decides, by the phase of an assignment, what becomes of a message for it: hold it, run it, or pass it over. It owns
 * the changes of phase that messages cause; `joiner.ts` owns those that the ledger's answers cause.
 */
import type { DispatchMessage, Envelope } from "../../protocol/wire/messages.ts";
import type { Executor } from "../attempt/executor.ts";
import type { SubscriberEvents } from "../events.ts";
import type { Finishers } from "../outcome/finisher.ts";
import type { Assignment } from "./assignment.ts";

/** See `createInbox`. */
export interface Inbox {
  /**
   * Takes a message for an assignment. Before the first join is answered it is held.
   * @returns whether the ledger must be asked by a join
   */
  take(assignment: Assignment, message: DispatchMessage): boolean;
  /** Takes one job for an assignment; as `take`. Never asks for a join. */
  takeJob(assignment: Assignment, envelope: Envelope): void;
  /**
   * Takes what was held; call when the first join has been answered and the epoch is known. What came before the
   * assignment's own `joined` mark was sent to its predecessor, and is passed over.
   * @returns whether the ledger must be asked by another join
   */
  open(assignment: Assignment): boolean;
}

/** What an inbox reads of the subscriber. */
export interface InboxContext {
  readonly events: SubscriberEvents;
}

/** Which parts an inbox calls. */
export interface InboxParts {
  readonly executor: Executor;
  readonly finishers: Finishers;
}

/** Creates the inbox of all assignments. */
export function createInbox({ events }: InboxContext, { executor, finishers }: InboxParts): Inbox {
  function takeJob(assignment: Assignment, envelope: Envelope): void {
    if (assignment.phase === "joining") {
      assignment.held.push({ kind: "jobs", envelopes: [envelope] });
    } else if (!assignment.awaitsMark) {
      executor.start(envelope, finishers.of(assignment.queue));
    } // else: a rejoin has it sent again if it is for this process
  }

  function take(assignment: Assignment, message: DispatchMessage): boolean {
    if (assignment.phase === "joining") {
      assignment.held.push(message);
      return false;
    }
    if (message.kind === "joined") return heardOfJoin(assignment, message.epoch);
    if (assignment.awaitsMark) return false; // a rejoin brings what of it is for this process
    if (message.kind === "rejoin") return true;
    if (message.kind === "waiting") {
      assignment.waiting = true;
      finishers.of(assignment.queue).fetch();
    } else if (message.kind === "jobs") {
      for (const envelope of message.envelopes) takeJob(assignment, envelope);
    }
    return false;
  }

  /** A process has joined as this node: this one if the epoch is its own, else perhaps a successor. */
  function heardOfJoin(assignment: Assignment, epoch: string): boolean {
    if (epoch === assignment.epoch) assignment.awaitsMark = false;
    if (assignment.phase === "superseded") return false;
    if (Number(epoch) <= Number(assignment.epoch)) return false;
    if (assignment.phase !== "left") {
      assignment.phase = "contested";
      return true;
    }
    assignment.phase = "superseded";
    events.emit("superseded", { node: assignment.node, queue: assignment.queue });
    return false;
  }

  function open(assignment: Assignment): boolean {
    const { held } = assignment;
    assignment.held = [];
    const mark = held.findIndex(
      (message) => message.kind === "joined" && message.epoch === assignment.epoch,
    );
    if (mark < 0) {
      // The mark is on its way, and so is all that follows it.
      assignment.awaitsMark = true;
      return false;
    }
    let mustJoin = false;
    for (const message of held.slice(mark + 1)) {
      if (take(assignment, message)) mustJoin = true;
    }
    return mustJoin;
  }

  return { take, takeJob, open };
}
