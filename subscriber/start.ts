/** Puts a subscriber together from its settings, for the program `subscriber/main.ts` and for any other. */
import { pino, type Logger } from "pino";
import type { Catalog, Handlers, RunContext } from "../protocol/wire/catalog.ts";
import { SignalboxError } from "../protocol/error.ts";
import { createJobVerifier } from "../protocol/signing/job.ts";
import { importSigningKeys } from "../protocol/signing/keys.ts";
import { readConfig, type Config } from "./config/config.ts";
import { createEvents, type SubscriberEvents } from "./events.ts";
import { logEvents } from "./log.ts";
import { createOutbox, noOutbox } from "./outcome/outbox.ts";
import type { HandlerModule } from "./attempt/runner.ts";
import { createSubscribers, type Subscribers } from "./cluster/subscribers.ts";

/** What an embedded subscriber is given. */
export interface StartOptions {
  /** The settings of the README's table by their names, such as `process.env`; `SIGNALBOX_HANDLERS` is not read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @default a silent one; `events` tells everything */
  readonly log?: Logger;
}

/** With a catalogue payloads and results are checked, and time-outs come from it. */
export interface CheckedHandlers<C extends Catalog> {
  readonly catalog: C;
  /** One function per entry. */
  readonly handlers: Handlers<C>;
}

/** Without one, payloads are what was dispatched. */
export interface UncheckedHandlers {
  readonly catalog?: undefined;
  readonly handlers: Readonly<Record<string, (payload: never, context: RunContext) => unknown>>;
}

/** A subscriber in this process. */
export interface RunningSubscriber {
  readonly events: SubscriberEvents;
  /** Drains: takes no more, ends what runs, delivers, closes. The same promise each time. */
  stop(): Promise<"drained" | "aborted">;
  /** After `stop`: aborts what still runs and gives the jobs back. */
  abort(): void;
}

/** An assembled subscriber that has not been started. */
export interface Assembled {
  readonly subscriber: Subscribers;
  readonly events: SubscriberEvents;
}

/** Makes the parts of a subscriber; nothing is connected yet. */
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
  const verify =
    envelopeSecret === undefined
      ? undefined
      : createJobVerifier(await importSigningKeys(envelopeSecret, "SIGNALBOX_ENVELOPE_SECRET"));
  const subscriber = createSubscribers({ config, module, outbox, events, log, verify });
  return { subscriber, events };
}

/**
 * Starts a subscriber in this process; resolves once jobs can come. Goes on trying while Redis is away. Signals are
 * the host's: call `stop` where it ends.
 * @throws SignalboxError `config_invalid`, naming every setting at fault, or a Redis that may throw jobs away
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
  const missing = Object.keys(catalog ?? {}).filter((name) => !Object.hasOwn(handlers, name));
  if (missing.length > 0) {
    throw new SignalboxError("config_invalid", `expected a handler for ${missing.join(", ")}`);
  }
  // The types of payloads and results were checked where this was called.
  const module = { handlers: handlers as unknown as HandlerModule["handlers"], catalog };
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
