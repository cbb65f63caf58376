/**
 * The subscribers of one process. Where Redis is one server there is one. In a Cluster there is one at each master that has
 * a queue of this process: `PUBLISH` reaches the subscribers of all masters but counts only those of the master that runs
 * it, and the scripts go by that count. So an assignment listens where its queue is.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { RedisPort } from "../../protocol/redis/port.ts";
import { defaultQueue } from "../../protocol/wire/names.ts";
import { backoffMs } from "../connection/backoff.ts";
import { createFailureWatch } from "../connection/failure-watch.ts";
import { createConnection, createRedisPort } from "../connection/ioredis.ts";
import { isClustered } from "../connection/redis-check.ts";
import { sleep } from "../connection/sleep.ts";
import { locate, type SlotOwner, urlAt } from "../connection/slot-owner.ts";
import type { SubscriberOptions } from "../context.ts";
import type { DrainResult } from "../drain.ts";
import { createGuard, type Guard } from "../guard/guard.ts";
import { createSubscriber, type Subscriber } from "../subscriber.ts";
import { combineListening, shareOutbox } from "./combine.ts";
import { createClusterWatch } from "./watch.ts";

/** What they share. `config.redisUrl` may be that of any server of a Cluster. */
export type SubscribersOptions = Pick<
  SubscriberOptions,
  "config" | "module" | "outbox" | "events" | "log" | "verify"
>;

/** All subscribers of a process. To the outside they are one. */
export type Subscribers = Subscriber;

/** What is known of Redis before the subscribers are created. */
interface Found {
  /** The reply to `INFO`; empty if it is forbidden. */
  readonly info: string;
  /** In a Cluster: where the queues are. */
  readonly owners?: ReadonlyMap<string, SlotOwner>;
}

/** Creates them; `start` finds out what Redis is, then starts as many as it takes. */
export function createSubscribers(options: SubscribersOptions): Subscribers {
  const { config, events, log } = options;
  const { naming, redisUrl: url, assignments } = config;
  const queues = [...new Set([defaultQueue, ...assignments.map(({ queue }) => queue)])];
  /** Asks what Redis is; where that is one server it goes on as the subscriber's connection for commands. */
  const first = createConnection(url);
  /** One for the process: it follows the queues to their masters. */
  const guard = createGuard({ config, log });
  let guarding: Promise<void> | undefined;
  const stopping = new AbortController();
  const isStopping = () => stopping.signal.aborted;
  let members: readonly Subscriber[] = [];
  let stopped: Promise<DrainResult> | undefined;

  const failures = createFailureWatch({
    url,
    events,
    onFinal: (reason) => {
      events.emit("redis:refused", { reason });
    },
  });

  function onError(error: Error): void {
    log.debug({ reason: error.message }, "command connection");
    failures.failed(error);
  }

  async function find(): Promise<Found> {
    const redis = createRedisPort(first);
    const info = await readInfo(redis);
    return isClustered(info) ? { info, owners: await locate(redis, naming, queues) } : { info };
  }

  async function begin(): Promise<void> {
    for (let failures = 1; !isStopping(); failures++) {
      try {
        const { info, owners } = await find();
        await guarding; // a handler may block the event loop from the first job on
        if (isStopping()) return;
        first.off("error", onError); // the member that takes it over has its own
        members = owners === undefined ? [createOne(info)] : createMembers(owners);
        for (const member of members) member.start();
        return;
      } catch (error) {
        if (!(error instanceof SignalboxError)) throw error;
        const retryInMs = backoffMs(failures, { firstMs: 100, capMs: 5_000 });
        events.emit("redis:failed", { during: "first questions to Redis", error, retryInMs });
        await sleep(retryInMs, stopping.signal);
      }
    }
  }

  function createOne(info: string): Subscriber {
    const subscription = createConnection(url);
    return createSubscriber({ ...options, guard, commands: first, subscription, info });
  }

  function createMembers(owners: ReadonlyMap<string, SlotOwner>): readonly Subscriber[] {
    first.disconnect();
    return createAtMasters({ ...options, guard }, { owners, queues, signal: stopping.signal });
  }

  async function drain(): Promise<DrainResult> {
    stopping.abort();
    if (members.length === 0) first.disconnect();
    const results = await Promise.all(members.map((member) => member.stop()));
    await guard.stop();
    return results.includes("aborted") ? "aborted" : "drained";
  }

  return {
    start() {
      guarding = guard.start();
      first.on("error", onError);
      first.once("ready", () => void begin());
      first.connect().catch(() => undefined); // reported by the error event, and tried again
    },
    stop: () => (stopped ??= drain()),
    abort() {
      for (const member of members) member.abort();
    },
  };
}

/** One at each master that has a queue of this process. The one at the master of `default` is the home. */
function createAtMasters(
  options: SubscribersOptions & { readonly guard: Guard },
  {
    owners,
    queues,
    signal,
  }: {
    readonly owners: ReadonlyMap<string, SlotOwner>;
    readonly queues: readonly string[];
    readonly signal: AbortSignal;
  },
): readonly Subscriber[] {
  const { config, events } = options;
  const { assignments } = config;
  const urls = new Map([...owners].map(([queue, owner]) => [queue, urlAt(config.redisUrl, owner)]));
  const home = urls.get(defaultQueue);
  const served = assignments.map(({ queue }) => urls.get(queue));
  const masters = [...new Set([home, ...served])].filter((each) => each !== undefined);
  const eventsAt = combineListening(events, masters.length);
  const outbox = shareOutbox(options.outbox, masters.length);
  const watch = createClusterWatch({ ...options, queues, urls, signal });
  return masters.map((master) => {
    const isHere = (queue: string) => urls.get(queue) === master;
    const slots = [...owners].flatMap(([queue, { slot }]) => (isHere(queue) ? slot : []));
    const commands = createConnection(master);
    commands.on("close", watch.check);
    return createSubscriber({
      ...options,
      commands,
      subscription: createConnection(master),
      outbox,
      events: eventsAt(master),
      config: {
        ...config,
        redisUrl: master,
        assignments: assignments.filter(({ queue }) => isHere(queue)),
      },
      share: {
        elsewhere: assignments.filter(({ queue }) => !isHere(queue)),
        isHome: master === home,
        onMoved: ({ slot }) => {
          if (slots.includes(slot)) watch.check();
        },
      },
    });
  });
}

/** Resolves to the reply to `INFO`; to an empty text if it is forbidden. */
async function readInfo(redis: RedisPort): Promise<string> {
  try {
    const [text] = await redis.send([{ command: ["INFO"] }]);
    return typeof text === "string" ? text : "";
  } catch (error) {
    if (error instanceof SignalboxError && error.code === "redis_refused") return "";
    throw error;
  }
}
