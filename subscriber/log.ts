/** Structured logs, made from the events: readable on a terminal, JSON lines elsewhere. */
import { type Logger, pino } from "pino";
import { prettyFactory } from "pino-pretty";
import type { SubscriberEvents } from "./events.ts";

/** Creates the logger. `level` is one of pino's. */
export function createLog(level: string, out: NodeJS.WriteStream): Logger {
  const options = { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` };
  if (!out.isTTY) return pino(options, out);
  const pretty = prettyFactory({ colorize: true, translateTime: "SYS:HH:MM:ss.l" });
  return pino(options, { write: (line: string) => out.write(pretty(line)) });
}

/** Writes one line per event. */
export function logEvents(events: SubscriberEvents, log: Logger): void {
  events.on("listening", (fields) => {
    log.info(fields, "listening");
  });
  events.on("disconnected", () => {
    log.warn("connection to Redis lost; reconnecting");
  });
  events.on("superseded", (fields) => {
    log.error(
      fields,
      "another subscriber has taken this node; give each subscriber its own SIGNALBOX_NODES",
    );
  });
  events.on("attempt:started", (fields) => {
    log.debug(fields, "attempt started");
  });
  events.on("attempt:ended", (fields) => {
    if (fields.state === "failed") log.warn(fields, "attempt failed; it was the last");
    else if (fields.state === "retry") log.warn(fields, "attempt failed; another follows");
    else log.info(fields, `attempt ${fields.state}`);
  });
  events.on("attempt:fenced", (fields) => {
    log.warn(fields, "outcome refused: the attempt had lost its lease");
  });
  events.on("attempt:lost", (fields) => {
    log.warn(fields, "lease lost; handler told to stop");
  });
  events.on("attempt:unresponsive", (fields) => {
    log.warn(
      fields,
      "handler unresponsive: it still runs after its signal was aborted; its slot is free",
    );
  });
  events.on("loop:blocked", (fields) => {
    log.warn(
      fields,
      "event loop blocked: move what computes into a worker thread or a child process",
    );
  });
  events.on("bare:ended", (fields) => {
    log.info(fields, fields.ok ? "bare id done" : "bare id failed");
  });
  events.on("message:unreadable", (fields) => {
    log.warn(fields, "message could not be read; kept in the dead letters");
  });
  events.on("message:refused", (fields) => {
    log.error(fields, "job refused: its signature is not right; kept in the dead letters");
  });
  events.on("schedule:faulty", (fields) => {
    log.error(fields, "times of a schedule cannot be worked out; it rests until it is changed");
  });
  events.on("outcomes:abandoned", (fields) => {
    log.error(
      fields,
      "outcomes given up: Redis answered in an unknown form; function and subscriber must run the same version",
    );
  });
  events.on("results:delivered", (fields) => {
    log.debug(fields, "results recorded");
  });
  events.on("results:refused", (fields) => {
    log.warn(fields, "results not recorded yet; they stay in the outbox");
  });
  events.on("cluster:changed", (fields) => {
    log.error(
      fields,
      "the Cluster has moved queues to another master; the subscriber must be started again",
    );
  });
  events.on("redis:unreachable", (fields) => {
    log.warn(fields, "Redis cannot be reached; trying again");
  });
  events.on("registration:lost", (fields) => {
    log.warn(fields, "registration lost; joining again");
  });
  events.on("redis:refused", (fields) => {
    log.fatal(fields, "this Redis is not fit for jobs");
  });
  events.on("redis:doubtful", (fields) => {
    log.warn(fields, "check the settings of Redis");
  });
  events.on("redis:failed", ({ during, error, retryInMs }) => {
    log.warn({ during, code: error.code, reason: error.message, retryInMs }, "Redis call failed");
  });
}
