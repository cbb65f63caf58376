/** Reads what comes on the channels and passes each message to whom it concerns. */
import {
  decodeControl,
  decodeDispatch,
  type DispatchMessage,
  type Envelope,
} from "../../protocol/wire/messages.ts";
import {
  controlChannel,
  dispatchChannelPrefix,
  resultChannel,
  type Naming,
} from "../../protocol/redis/keys.ts";
import type { SubscriberEvents } from "../events.ts";
import type { ClusterShare } from "../cluster/share.ts";
import type { Assignment } from "../membership/assignment.ts";

/** What an intake is given. */
export interface IntakeOptions {
  readonly naming: Naming;
  readonly assignments: readonly Assignment[];
  readonly share: ClusterShare;
  readonly events: SubscriberEvents;
  readonly onEnvelope: (envelope: Envelope) => void;
  /** A job of a queue that its node does not serve here. */
  readonly onUnserved: (envelope: Envelope) => void;
  /** Jobs for this assignment's node alone wait. */
  readonly onWaiting: (assignment: Assignment) => void;
  /** A lease of this assignment's node ended unheard. */
  readonly onRejoin: () => void;
  readonly onCancel: (queue: string, member: string) => void;
  /** Something of this queue is to be looked at in so many milliseconds. */
  readonly onDue: (kind: "due" | "lease", queue: string, inMs: number) => void;
  readonly onBare: (node: string, id: string) => void;
  readonly onResults: (text: string) => void;
  readonly deadLetter: (channel: string, bytes: Buffer, reason: string) => void;
}

/** How every message begins that a script publishes, alone or in an array, which holds one queue's only. */
const head = /^\[?\{"v":1,"queue":"([^"]+)"/;

/** Creates the intake. */
export function createIntake(options: IntakeOptions) {
  const { naming, assignments, share, events, onEnvelope, onWaiting, onBare, onResults } = options;
  const { onRejoin, onCancel, onDue } = options;
  // All masters of a Cluster pass every message on, so all parts hear it.
  const deadLetter = share.isHome ? options.deadLetter : () => undefined;
  const onUnserved = share.isHome ? options.onUnserved : () => undefined;
  const elsewhere = new Set(share.elsewhere.map(({ node, queue }) => `${node} ${queue}`));
  const control = controlChannel(naming);
  const results = resultChannel(naming);
  const prefixLength = dispatchChannelPrefix(naming).length;
  const byName = new Map(
    assignments.map((assignment) => [`${assignment.node} ${assignment.queue}`, assignment]),
  );

  /** Messages for a assignment: held until its first join is answered, then in order. */
  function pass(assignment: Assignment, message: DispatchMessage): void {
    if (assignment.phase === "joining") {
      assignment.held.push(message);
    } else if (assignment.awaitsMark && message.kind !== "joined") {
      return; // a rejoin brings what of it is ours
    } else if (message.kind === "jobs") {
      message.envelopes.forEach(onEnvelope);
    } else if (message.kind === "waiting") {
      assignment.waiting = true;
      onWaiting(assignment);
    } else if (message.kind === "rejoin") {
      onRejoin();
    } else if (message.kind === "joined") {
      if (message.epoch === assignment.epoch) assignment.awaitsMark = false;
      if (assignment.phase === "superseded" || Number(message.epoch) <= Number(assignment.epoch))
        return;
      if (assignment.phase !== "left") {
        assignment.phase = "contested";
        onRejoin();
        return;
      }
      assignment.phase = "superseded";
      events.emit("superseded", { node: assignment.node, queue: assignment.queue });
    }
  }

  function receiveDispatch(channel: string, bytes: Buffer, text: string): void {
    const node = channel.slice(prefixLength);
    if (elsewhere.size > 0 && elsewhere.has(`${node} ${head.exec(text)?.[1]}`)) return;
    const message = decodeDispatch(text);
    switch (message.kind) {
      case "unreadable":
        deadLetter(channel, bytes, message.reason);
        return;
      case "bare":
        if (share.isHome) onBare(node, message.id);
        return;
      case "jobs":
        for (const envelope of message.envelopes) {
          const assignment = byName.get(`${node} ${envelope.queue}`);
          if (envelope.node !== node) {
            deadLetter(channel, bytes, "expected a job of this node");
          } else if (assignment === undefined) onUnserved(envelope);
          else pass(assignment, { kind: "jobs", envelopes: [envelope] });
        }
        return;
      case "waiting":
      case "rejoin":
      case "joined": {
        // Without a assignment it concerns another subscriber, which serves another queue with this node.
        const assignment = byName.get(`${node} ${message.queue}`);
        if (assignment !== undefined) pass(assignment, message);
      }
    }
  }

  function receiveControl(channel: string, bytes: Buffer, text: string): void {
    const message = decodeControl(text);
    if (message.kind === "unreadable") deadLetter(channel, bytes, message.reason);
    else if (message.kind === "cancel") onCancel(message.queue, message.member);
    else onDue(message.kind, message.queue, message.inMs);
  }

  /** Takes one message; `text` is null where it is not UTF-8. */
  const receive = (channel: string, text: string | null, bytes: Buffer): void => {
    if (text === null) deadLetter(channel, bytes, "expected UTF-8");
    else if (channel === results) onResults(text);
    else if (channel === control) receiveControl(channel, bytes, text);
    else receiveDispatch(channel, bytes, text);
  };

  /** Call after a assignment's first join: what came before its own `joined` was for its predecessor. */
  const joined = (assignment: Assignment): void => {
    const { held } = assignment;
    assignment.held = [];
    const start = held.findIndex(
      (message) => message.kind === "joined" && message.epoch === assignment.epoch,
    );
    // No marker yet: it is on its way, and so is all that follows it.
    if (start < 0) assignment.awaitsMark = true;
    else for (const message of held.slice(start + 1)) pass(assignment, message);
  };

  return { receive, joined };
}
