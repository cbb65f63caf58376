/** `@signalbox-dev/signalbox/subscriber`: for Node programs that run jobs. */
export type { Catalog, Handlers, RunContext } from "../protocol/wire/catalog.ts";
export type { SubscriberEventMap, SubscriberEvents } from "./events.ts";
export {
  type CheckedHandlers,
  type RunningSubscriber,
  type StartOptions,
  startSubscriber,
  type UncheckedHandlers,
} from "./start.ts";
