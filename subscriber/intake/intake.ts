/** Reads the messages of all channels, and passes each to the part that it concerns. */
import type { Logger } from "pino";
import {
  controlChannel,
  dispatchChannelPrefix,
  type Naming,
  resultChannel,
} from "../../protocol/redis/keys.ts";
import {
  decodeControl,
  decodeDispatch,
  type DispatchMessage,
  type Envelope,
} from "../../protocol/wire/messages.ts";
import type { Attempts } from "../attempt/attempts.ts";
import { stopAttempt } from "../attempt/stop-attempt.ts";
import type { ClusterShare } from "../cluster/share.ts";
import type { ChannelReceiver } from "../connection/listener.ts";
import type { DueTimer } from "../due/due-timer.ts";
import type { SubscriberEvents } from "../events.ts";
import type { BareIds } from "../foreign/bare-ids.ts";
import type { ForeignResults } from "../foreign/foreign-results.ts";
import type { Assignment } from "../membership/assignment.ts";
import type { Inbox } from "../membership/inbox.ts";
import type { Joiner } from "../membership/joiner.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Refusals } from "./refusals.ts";

/** How every message begins that a script publishes, alone or in an array, which holds one queue's only. */
const head = /^\[?\{"v":1,"queue":"([^"]+)"/;

/** What an intake reads of the subscriber. */
export interface IntakeContext {
  readonly naming: Naming;
  readonly assignments: readonly Assignment[];
  readonly attempts: Pick<Attempts, "find">;
  readonly share: Pick<ClusterShare, "elsewhere" | "isHome">;
  readonly events: SubscriberEvents;
  readonly log: Pick<Logger, "warn">;
  readonly stopping: AbortController;
}

/** Which parts an intake calls. */
export interface IntakeParts {
  readonly inbox: Pick<Inbox, "take" | "takeJob">;
  readonly joiner: Joiner;
  readonly dueTimer: Pick<DueTimer, "check" | "checkAll">;
  readonly foreign: Pick<ForeignResults, "receive" | "subscribed">;
  readonly bareIds: Pick<BareIds, "add">;
  readonly refusals: Pick<Refusals, "allowsBare" | "refuseUnserved">;
  readonly deadLetters: Pick<DeadLetters, "keepUnreadable">;
}

/**
 * Creates the receiver of the subscribing connection. In a Cluster all masters pass every message on, so every
 * subscriber of the process hears it: only the home takes what belongs to no assignment; see `cluster/share.ts`.
 */
export function createIntake(context: IntakeContext, parts: IntakeParts): ChannelReceiver {
  const { naming, share, attempts, events, log, stopping } = context;
  const { inbox, joiner, dueTimer, foreign, bareIds, refusals, deadLetters } = parts;
  const elsewhere = new Set(share.elsewhere.map(({ node, queue }) => `${node} ${queue}`));
  const control = controlChannel(naming);
  const results = resultChannel(naming);
  const prefixLength = dispatchChannelPrefix(naming).length;
  const byName = new Map(
    context.assignments.map((assignment) => [`${assignment.node} ${assignment.queue}`, assignment]),
  );

  function keepUnreadable(channel: string, bytes: Buffer, reason: string): void {
    if (share.isHome) deadLetters.keepUnreadable(channel, bytes, reason);
  }

  function receiveDispatch(channel: string, bytes: Buffer, text: string): void {
    const node = channel.slice(prefixLength);
    if (isElsewhere(node, text)) return;
    const message = decodeDispatch(text);
    switch (message.kind) {
      case "unreadable":
        keepUnreadable(channel, bytes, message.reason);
        return;
      case "bare":
        receiveBare(node, message.id);
        return;
      case "jobs":
        for (const envelope of message.envelopes) {
          if (envelope.node === node) receiveJob(envelope);
          else keepUnreadable(channel, bytes, "expected a job of this node");
        }
        return;
      case "waiting":
      case "rejoin":
      case "joined":
        receiveSign(node, message);
    }
  }

  /** Before the message is parsed: at a busy Cluster most are for another subscriber of the process. */
  function isElsewhere(node: string, text: string): boolean {
    return elsewhere.size > 0 && elsewhere.has(`${node} ${head.exec(text)?.[1]}`);
  }

  function receiveBare(node: string, id: string): void {
    if (share.isHome && refusals.allowsBare(node, id)) bareIds.add(node, id);
  }

  function receiveJob(envelope: Envelope): void {
    const assignment = byName.get(`${envelope.node} ${envelope.queue}`);
    if (assignment !== undefined) inbox.takeJob(assignment, envelope);
    else if (share.isHome) refusals.refuseUnserved(envelope);
  }

  /** If nothing is assigned, it concerns another process, which serves another queue with this node. */
  function receiveSign(node: string, message: DispatchMessage & { readonly queue: string }): void {
    const assignment = byName.get(`${node} ${message.queue}`);
    if (assignment !== undefined && inbox.take(assignment, message)) joiner.join();
  }

  function receiveControl(channel: string, bytes: Buffer, text: string): void {
    const message = decodeControl(text);
    if (message.kind === "unreadable") keepUnreadable(channel, bytes, message.reason);
    else if (message.kind === "cancel") {
      const attempt = attempts.find(message.queue, message.member);
      if (attempt !== undefined) stopAttempt(attempt, "cancelled");
    } else dueTimer.check(message.kind, message.queue, message.inMs);
  }

  function receiveResults(text: string): void {
    foreign.receive(text).catch((error: unknown) => {
      log.warn({ reason: String(error) }, "foreign result not completed; its lease will end");
    });
  }

  return {
    receive(channel, text, bytes) {
      if (text === null) keepUnreadable(channel, bytes, "expected UTF-8");
      else if (channel === results) receiveResults(text);
      else if (channel === control) receiveControl(channel, bytes, text);
      else receiveDispatch(channel, bytes, text);
    },
    subscribed() {
      foreign.subscribed();
      joiner.join();
      dueTimer.checkAll();
    },
    disconnected() {
      if (!stopping.signal.aborted) events.emit("disconnected");
    },
  };
}
