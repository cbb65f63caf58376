/** Puts a subscriber together from its settings: for the program `subscriber/main.ts`, and for programs that embed one. */
import { type Logger, pino } from "pino";
import { SignalboxError } from "../protocol/error.ts";
import { deprecatedSettings } from "../protocol/settings/aliases.ts";
import { inTheClearWarning, isInTheClear } from "../protocol/settings/in-the-clear.ts";
import { createJobVerifier } from "../protocol/signing/job.ts";
import { importSigningKeys } from "../protocol/signing/keys.ts";
import type { Catalog, Handlers, RunContext } from "../protocol/wire/catalog.ts";
import type { HandlerModule } from "./attempt/runner.ts";
import { createSubscribers, type Subscribers } from "./cluster/subscribers.ts";
import { type Config, readConfig } from "./config/config.ts";
import { checkModule } from "./config/handler-module.ts";
import { createEvents, type SubscriberEvents } from "./events.ts";
import { logEvents } from "./log.ts";
import { createOutbox, noOutbox } from "./outcome/outbox.ts";

/**
 * What an embedded subscriber is given besides its handlers.
 * @example
 * const options: StartOptions = {
 *   env: { REDIS_URL: "redis://127.0.0.1:6379", SIGNALBOX_NODES: "1,2" },
 *   log: pino(),
 * };
 */
export interface StartOptions {
  /** The settings of docs/configuration.md by their names, such as `process.env`; `SIGNALBOX_HANDLERS` is not read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @default a silent one: `events` tells everything */
  readonly log?: Logger;
}

/**
 * Handlers with a catalogue: payloads and results are checked, and time-outs come from it.
 * @example
 * const catalog = defineCatalog({ shout: { payload: z.string(), result: z.string() } });
 * const checked: CheckedHandlers<typeof catalog> = {
 *   catalog,
 *   handlers: { shout: (text) => text.toUpperCase() },
 * };
 */
export interface CheckedHandlers<C extends Catalog> {
  readonly catalog: C;
  /** One function per entry. */
  readonly handlers: Handlers<C>;
}

/**
 * Handlers without a catalogue: payloads are what was dispatched, unchecked.
 * @example
 * const unchecked: UncheckedHandlers = {
 *   handlers: { resize: async ({ url }: { url: string }, { signal }) => resize(url, signal) },
 * };
 */
export interface UncheckedHandlers {
  readonly catalog?: undefined;
  readonly handlers: Readonly<Record<string, (payload: never, context: RunContext) => unknown>>;
}

/**
 * A subscriber in this process.
 * @example
 * process.once("SIGTERM", async () => {
 *   setTimeout(() => running.abort(), 5_000).unref();
 *   console.log(await running.stop()); // "drained" or "aborted"
 * });
 */
export interface RunningSubscriber {
  readonly events: SubscriberEvents;
  /**
   * Drains: takes no more jobs, ends those that run, delivers, closes. `aborted` if jobs were given back. Never rejects;
   * repeated, it answers the same promise.
   */
  stop(): Promise<"drained" | "aborted">;
  /** After `stop`: aborts the handlers that still run and gives their jobs back. */
  abort(): void;
}

/** An assembled subscriber that has not been started. */
export interface Assembled {
  readonly subscriber: Subscribers;
  readonly events: SubscriberEvents;
}

/**
 * Puts a subscriber together; nothing is connected yet.
 * @throws SignalboxError `config_invalid` for a secret that cannot be read
 */
export async function assemble(
  config: Config,
  module: HandlerModule,
  log: Logger,
): Promise<Assembled> {
  const events = createEvents((error) => {
    log.error({ reason: String(error) }, "an event listener threw");
  });
  logEvents(events, log);
  const { callbackUrl: url, signingSecret, envelopeSecret } = config;
  const outbox =
    url === undefined || signingSecret === undefined
      ? noOutbox
      : createOutbox({ url, keys: await importSigningKeys(signingSecret), events });
  if (outbox === noOutbox)
    log.warn("SIGNALBOX_CALLBACK_URL is not set: results are recorded by the tick");
  if (url !== undefined && isInTheClear(url))
    log.warn(inTheClearWarning("SIGNALBOX_CALLBACK_URL", "results go"));
  const verify =
    envelopeSecret === undefined
      ? undefined
      : createJobVerifier(await importSigningKeys(envelopeSecret, "SIGNALBOX_ENVELOPE_SECRET"));
  const subscriber = createSubscribers({ config, module, outbox, events, log, verify });
  return { subscriber, events };
}

/**
 * Starts a subscriber in this process; resolves once jobs can come. While Redis is away it goes on trying. It installs no
 * signal handlers: call `stop` when the program ends.
 * @throws SignalboxError `config_invalid` that names every setting at fault, for handlers or a catalogue that cannot be
 *   right, or for a Redis that may throw jobs away
 * @example
 * const running = await startSubscriber({ env: process.env, catalog, handlers });
 * running.events.on("attempt:ended", ({ name, state }) => console.log(name, state));
 * process.once("SIGTERM", () => void running.stop());
 */
export function startSubscriber<C extends Catalog>(
  options: StartOptions & CheckedHandlers<C>,
): Promise<RunningSubscriber>;
export function startSubscriber(
  options: StartOptions & UncheckedHandlers,
): Promise<RunningSubscriber>;
export async function startSubscriber(
  options: StartOptions & (CheckedHandlers<Catalog> | UncheckedHandlers),
): Promise<RunningSubscriber> {
  const { env, catalog, handlers, log = pino({ level: "silent" }) } = options;
  const config = readConfig({ ...env, SIGNALBOX_HANDLERS: "(embedded)" });
  for (const deprecated of deprecatedSettings(env)) log.warn(deprecated);
  const module = checkModule({ handlers, catalog });
  const { subscriber, events } = await assemble(config, module, log);
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  events.on("listening", () => {
    resolve(undefined);
  });
  events.on("redis:refused", ({ reason }) => {
    reject(new SignalboxError("config_invalid", reason));
    void subscriber.stop();
  });
  events.on("superseded", () => void subscriber.stop());
  events.on("cluster:changed", () => void subscriber.stop());
  subscriber.start();
  await promise;
  return {
    events,
    stop: () => subscriber.stop(),
    abort: () => {
      subscriber.abort();
    },
  };
}
