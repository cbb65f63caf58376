/**
 * The subscribers of one process. Where Redis is one server there is one. In a Cluster there is one at each
 * master that has a queue of ours: `PUBLISH` reaches the subscribers of all masters but counts only those of
 * the one that runs it, and the scripts go by that count. So a assignment listens where its queue is.
 *
 * The one at the master of `default`, the home, also does what belongs to no assignment, as bare ids mean that queue.
 */
import { SignalboxError } from "../../protocol/error.ts";
import { defaultQueue } from "../../protocol/wire/names.ts";
import { backoffMs } from "../connection/backoff.ts";
import { createClusterWatch } from "./watch.ts";
import type { SubscriberEventMap, SubscriberEvents } from "../events.ts";
import { createConnection, createRedisPort } from "../connection/ioredis.ts";
import type { Outbox } from "../outcome/outbox.ts";
import { isClustered } from "../connection/redis-check.ts";
import { sleep } from "../connection/sleep.ts";
import { locate, urlAt, type SlotOwner } from "../connection/slot-owner.ts";
import { createSubscriber, type Subscriber, type SubscriberOptions } from "../subscriber.ts";

/** What they share. `config.redisUrl` may be that of any server of a Cluster. */
export type SubscribersOptions = Pick<
  SubscriberOptions,
  "config" | "module" | "outbox" | "events" | "log" | "verify"
>;

/** To the outside they are one. */
export type Subscribers = Pick<Subscriber, "start" | "stop" | "abort">;

/** Creates them once `start` has found out what Redis is. */
export function createSubscribers(options: SubscribersOptions): Subscribers {
  const { config, events, log } = options;
  const { naming, redisUrl: url, assignments } = config;
  const queues = [...new Set([defaultQueue, ...assignments.map(({ queue }) => queue)])];
  const first = createConnection(url);
  const stopping = new AbortController();
  const isStopping = () => stopping.signal.aborted;
  let members: readonly Subscriber[] = [];
  let stopped: Promise<"drained" | "aborted"> | undefined;

  const onError = (error: Error): void => {
    log.debug({ reason: error.message }, "command connection");
  };

  /** Resolves to what `INFO` says and, in a Cluster, to where our queues are. */
  async function look(): Promise<{ info: string; owners?: ReadonlyMap<string, SlotOwner> }> {
    const redis = createRedisPort(first);
    const info = await redis.send([{ command: ["INFO"] }]).then(
      ([text]) => (typeof text === "string" ? text : ""),
      (error: unknown) => {
        if (error instanceof SignalboxError && error.code === "redis_refused") return ""; // forbidden
        throw error;
      },
    );
    if (!isClustered(info)) return { info };
    return { info, owners: await locate(redis, naming, queues) };
  }

  async function begin(): Promise<void> {
    for (let failures = 1; !isStopping(); failures++) {
      try {
        const { info, owners } = await look();
        if (isStopping()) return;
        first.off("error", onError);
        members = owners === undefined ? [createOne(info)] : createAt(owners);
        for (const member of members) member.start();
        return;
      } catch (error) {
        if (!(error instanceof SignalboxError)) throw error;
        const retryInMs = backoffMs(failures, { firstMs: 100, capMs: 5_000 });
        events.emit("redis:failed", { during: "look at the Cluster", error, retryInMs });
        await sleep(retryInMs, stopping.signal);
      }
    }
  }

  function createOne(info: string): Subscriber {
    const subscription = createConnection(url);
    return createSubscriber({ ...options, commands: first, subscription, info });
  }

  function createAt(owners: ReadonlyMap<string, SlotOwner>): readonly Subscriber[] {
    first.disconnect();
    const urls = new Map([...owners].map(([queue, owner]) => [queue, urlAt(url, owner)]));
    const home = urls.get(defaultQueue);
    const served = assignments.map(({ queue }) => urls.get(queue));
    const masters = [...new Set([home, ...served])].filter((each) => each !== undefined);
    const joined = gatherListening(events, masters.length);
    const outbox = shareOutbox(options.outbox, masters.length);
    const watch = createClusterWatch({ ...options, queues, urls, signal: stopping.signal });
    return masters.map((master) => {
      const isHere = (queue: string) => urls.get(queue) === master;
      const slots = [...owners].flatMap(([queue, { slot }]) => (isHere(queue) ? slot : []));
      const commands = createConnection(master);
      commands.on("close", watch.look);
      return createSubscriber({
        ...options,
        ...{ commands, subscription: createConnection(master), outbox, events: joined(master) },
        config: {
          ...config,
          redisUrl: master,
          assignments: assignments.filter(({ queue }) => isHere(queue)),
        },
        share: {
          elsewhere: assignments.filter(({ queue }) => !isHere(queue)),
          isHome: master === home,
          onMoved: ({ slot }) => {
            if (slots.includes(slot)) watch.look();
          },
        },
      });
    });
  }

  async function drain(): Promise<"drained" | "aborted"> {
    stopping.abort();
    if (members.length === 0) first.disconnect();
    const ends = await Promise.all(members.map((member) => member.stop()));
    return ends.includes("aborted") ? "aborted" : "drained";
  }

  return {
    start(): void {
      first.on("error", onError);
      first.once("ready", () => void begin());
      first.connect().catch(() => undefined); // reported by the error event, and tried again
    },
    stop(): Promise<"drained" | "aborted"> {
      stopped ??= drain();
      return stopped;
    },
    abort(): void {
      for (const member of members) member.abort();
    },
  };
}

/** For each of `count` masters the events; they say `listening` once all of them are. */
function gatherListening(events: SubscriberEvents, count: number) {
  const heard = new Map<string, readonly string[]>();
  return (master: string): SubscriberEvents => ({
    on: (name, listener) => {
      events.on(name, listener);
    },
    emit(name, ...args) {
      if (name !== "listening") {
        events.emit(name, ...args);
        return;
      }
      const [{ nodes }] = args as SubscriberEventMap["listening"];
      heard.set(master, nodes);
      if (heard.size < count) return;
      events.emit("listening", { nodes: [...new Set([...heard.values()].flat())] });
    },
  });
}

/** The same outbox for `count` subscribers: the last to stop stops it. */
function shareOutbox(outbox: Outbox, count: number): Outbox {
  let left = count;
  return {
    ...outbox,
    stop: () => {
      if (--left === 0) outbox.stop();
    },
  };
}
