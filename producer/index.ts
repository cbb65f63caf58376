/** `@signalbox-dev/signalbox/producer`: for Node programs that dispatch jobs over Redis itself, without the function. */
export { createProducer, type JobOrder, type Producer, type ProducerOptions } from "./producer.ts";
