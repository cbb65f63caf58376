/** Lets several subscribers of one process appear as one: their `listening` events, and the outbox that they share. */
import type { SubscriberEventMap, SubscriberEvents } from "../events.ts";
import type { Outbox } from "../outcome/outbox.ts";

/**
 * Answers the events for the subscriber at each of `count` masters: all go to `events`, but `listening` does so only once
 * every one of them listens, with the nodes of all.
 */
export function combineListening(
  events: SubscriberEvents,
  count: number,
): (master: string) => SubscriberEvents {
  const listening = new Map<string, readonly string[]>();
  return (master) => ({
    on: (name, listener) => {
      events.on(name, listener);
    },
    emit(name, ...args) {
      if (name !== "listening") {
        events.emit(name, ...args);
        return;
      }
      const [{ nodes }] = args as SubscriberEventMap["listening"];
      listening.set(master, nodes);
      if (listening.size < count) return;
      events.emit("listening", { nodes: [...new Set([...listening.values()].flat())] });
    },
  });
}

/** The same outbox for `count` subscribers: the last of them to stop stops it. */
export function shareOutbox(outbox: Outbox, count: number): Outbox {
  let left = count;
  return {
    add: outbox.add,
    flush: outbox.flush,
    stop: () => {
      if (--left === 0) outbox.stop();
    },
  };
}
