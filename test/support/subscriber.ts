/** A real subscriber in the test's process, on a real Redis, whose events are recorded. */
import { pino } from "pino";
import { createJobVerifier, type JobVerifier } from "../../protocol/signing/job.ts";
import { importSigningKeys } from "../../protocol/signing/keys.ts";
import type { HandlerModule } from "../../subscriber/attempt/runner.ts";
import type { Config } from "../../subscriber/config/config.ts";
import { readConfig } from "../../subscriber/config/config.ts";
import { createConnection } from "../../subscriber/connection/ioredis.ts";
import type { SubscriberEvents } from "../../subscriber/events.ts";
import { createEvents, type SubscriberEventMap } from "../../subscriber/events.ts";
import { noOutbox, type Outbox } from "../../subscriber/outcome/outbox.ts";
import { createSubscriber, type Subscriber } from "../../subscriber/subscriber.ts";
import { countKeepAlives } from "./command-count.ts";
import { urlAs } from "./redis-users.ts";
import { until } from "./until.ts";

type Names = keyof SubscriberEventMap;
type Fields<N extends Names> = SubscriberEventMap[N][0];

export interface RunOptions {
  /** Of a test server; the subscriber connects as its own user. */
  readonly url: string;
  /** Environment besides `REDIS_URL`; durations are short unless given here. */
  readonly env?: Readonly<Record<string, string>>;
  readonly handlers?: HandlerModule["handlers"];
  readonly catalog?: HandlerModule["catalog"];
  readonly outbox?: (events: SubscriberEvents) => Outbox;
  /** Whether to return before it listens. @default false */
  readonly early?: boolean;
}

export interface RunningSubscriber extends AsyncDisposable {
  readonly subscriber: Subscriber;
  readonly config: Config;
  /** All events of one name so far. */
  readonly seen: <N extends Names>(name: N) => readonly Fields<N>[];
  /** Resolves when `count` events of that name (that match) have been seen. */
  readonly event: <N extends Names>(
    name: N,
    more?: { count?: number; within?: number; where?: (fields: Fields<N>) => boolean },
  ) => Promise<readonly Fields<N>[]>;
  /** Drains; repeated, answers the same promise. */
  readonly stop: () => Promise<"drained" | "aborted">;
  /** Cuts the connections without telling the ledger, as `kill -9` does. */
  readonly die: () => void;
}

/** Short enough to wait for, and long enough for a busy machine. */
export const shortTiming = {
  SIGNALBOX_UNACKNOWLEDGED_MS: "1000",
  SIGNALBOX_LEASE_MS: "2000",
  SIGNALBOX_FOREIGN_MS: "60000",
  SIGNALBOX_DRAIN_MS: "10000",
  SIGNALBOX_PING_MS: "60000",
} as const;

/** Answers its payload. */
export const echo: HandlerModule["handlers"] = { echo: (payload) => payload };

/** Starts it and waits until it listens. Disposal drains it and fails if something is left. */
export async function runSubscriber(options: RunOptions): Promise<RunningSubscriber> {
  const config = readConfig({
    SIGNALBOX_NODES: "1",
    SIGNALBOX_HANDLERS: "given",
    LOG_LEVEL: "silent",
    ...shortTiming,
    ...options.env,
    REDIS_URL: urlAs(options.url, "subscriber"),
  });
  const listenerErrors: unknown[] = [];
  const events = createEvents((error) => listenerErrors.push(error));
  const { seen, event } = record(events);
  const commands = countKeepAlives(createConnection(config.redisUrl));
  const subscription = createConnection(config.redisUrl);
  const subscriber = createSubscriber({
    config,
    commands,
    subscription,
    events,
    module: { handlers: options.handlers ?? echo, catalog: options.catalog },
    outbox: options.outbox?.(events) ?? noOutbox,
    verify: await verifierOf(config),
    log: pino({ level: "silent" }),
  });
  subscriber.start();
  let isDead = false;

  async function dispose(): Promise<void> {
    if (isDead) return;
    const ended = await subscriber.stop();
    await until(() => commands.status === "end" && subscription.status === "end", {
      or: () => `connections are left: ${commands.status}, ${subscription.status}`,
    });
    const open = seen("attempt:started").length - seen("attempt:ended").length;
    if (ended === "drained" && open > 0) throw new Error(`${open} attempts were left running`);
    if (listenerErrors.length > 0) throw new AggregateError(listenerErrors, "listeners threw");
  }

  if (options.early !== true) await event("listening");
  return {
    subscriber,
    config,
    seen,
    event,
    stop: () => subscriber.stop(),
    die: () => {
      isDead = true;
      commands.disconnect();
      subscription.disconnect();
    },
    [Symbol.asyncDispose]: dispose,
  };
}

async function verifierOf({ envelopeSecret }: Config): Promise<JobVerifier | undefined> {
  if (envelopeSecret === undefined) return undefined;
  return createJobVerifier(await importSigningKeys(envelopeSecret, "SIGNALBOX_ENVELOPE_SECRET"));
}

function record(events: SubscriberEvents) {
  const log: { readonly name: Names; readonly fields: unknown }[] = [];
  const names: readonly Names[] = [
    "listening",
    "disconnected",
    "superseded",
    "attempt:started",
    "attempt:ended",
    "attempt:fenced",
    "attempt:lost",
    "attempt:unresponsive",
    "bare:ended",
    "message:unreadable",
    "message:refused",
    "outcomes:abandoned",
    "results:delivered",
    "results:refused",
    "redis:failed",
    "redis:unreachable",
    "redis:refused",
    "registration:lost",
  ];
  for (const name of names) {
    events.on(name, (...args: readonly unknown[]) => {
      log.push({ name, fields: args[0] });
    });
  }
  const seen = <N extends Names>(name: N) =>
    log.filter((each) => each.name === name).map(({ fields }) => fields as Fields<N>);
  const event: RunningSubscriber["event"] = async (name, more = {}) => {
    const { count = 1, within = 15_000, where = () => true } = more;
    const matching = () => seen(name).filter(where);
    await until(() => matching().length >= count, {
      within,
      or: () =>
        `${matching().length} of ${count} events "${name}"; seen: ${log
          .map((e) => e.name)
          .join(" ")
          .slice(-500)}`,
    });
    return matching();
  };
  return { seen, event };
}
