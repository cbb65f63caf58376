/** `signalbox/subscriber`: for Node programs that run jobs. */
export type { Catalog, Handlers, RunContext } from "../protocol/wire/catalog.ts";
export type { SubscriberEventMap, SubscriberEvents } from "./events.ts";
export {
  startSubscriber,
  type CheckedHandlers,
  type RunningSubscriber,
  type StartOptions,
  type UncheckedHandlers,
} from "./start.ts";
