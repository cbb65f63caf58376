/** `signalbox/subscriber`: for Node programs that run jobs, or dispatch them over Redis itself. */
export type { SubscriberEventMap, SubscriberEvents } from "./events.ts";
export { createProducer, type JobOrder, type Producer, type ProducerOptions } from "./producer.ts";
export {
  startSubscriber,
  type CheckedHandlers,
  type RunningSubscriber,
  type StartOptions,
  type UncheckedHandlers,
} from "./start.ts";
export type { Catalog, Handlers, RunContext } from "../protocol/catalog.ts";
