/** Values that the unit tests of the subscriber's parts start from. */
import { leaseMember } from "../../../protocol/ledger/nodes.ts";
import type { Envelope } from "../../../protocol/wire/messages.ts";
import type { Attempt } from "../../../subscriber/attempt/attempts.ts";
import {
  createEvents,
  type SubscriberEventMap,
  type SubscriberEvents,
} from "../../../subscriber/events.ts";
import { type Assignment, createAssignment } from "../../../subscriber/membership/assignment.ts";

/** A delivery to node `1` in `default`. */
export function envelopeOf(id: string, more: Partial<Envelope> = {}): Envelope {
  return {
    v: 1,
    queue: "default",
    node: "1",
    token: "1-0.1",
    attempt: 1,
    id,
    name: "echo",
    ...more,
  };
}

/** An attempt that runs, and that nothing stops. */
export function attemptOf(envelope: Envelope, more: Partial<Attempt> = {}): Attempt {
  return {
    envelope,
    assignment: liveAssignment(envelope.node, envelope.queue),
    member: leaseMember(envelope),
    abort: () => undefined,
    startedAt: 0,
    place: -1,
    cause: undefined,
    renewAt: 0,
    hasEnded: false,
    ...more,
  };
}

/** An assignment of one slot that has joined. */
export function liveAssignment(node = "1", queue = "default"): Assignment {
  return { ...createAssignment({ node, queue, slots: 1 }), phase: "live", epoch: "7" };
}

/** Events that nobody hears. */
export function quietEvents(): SubscriberEvents {
  return createEvents((error) => {
    throw error;
  });
}

/** Events of one name, recorded. */
export function recordedEvents<K extends keyof SubscriberEventMap>(name: K) {
  const events = quietEvents();
  const seen: SubscriberEventMap[K][0][] = [];
  events.on(name, (...[fields]) => seen.push(fields));
  return { events, seen };
}
