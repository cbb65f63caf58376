/** `GET /v1/jobs/:id/events`: what happens to one job, as server-sent events, until it has ended. */
import type { Handler } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import { reportChannel } from "../../protocol/redis/keys.ts";
import type { AppDeps } from "../deps.ts";
import { validateQuery } from "../http/validation.ts";
import type { Subscription } from "../redis/subscribe.ts";
import { decodeEventId } from "./event-id.ts";
import { findJob, notFound } from "./find.ts";
import { jobQuery } from "./request.ts";
import { createSignals } from "./signals.ts";
import { createWatch, type Watch, type WatchEvent } from "./watch.ts";

/** How long one stream lasts, in milliseconds; the client then connects again. */
const longestMs = 300_000;
/** How often a heartbeat is sent, in milliseconds. */
const heartbeatMs = 15_000;
/** How long a client is told to wait before it connects again, in milliseconds. */
const retryMs = 1_000;

type Events = Pick<
  AppDeps,
  "ledger" | "isAllowedQueue" | "subscribe" | "deadline" | "config" | "log"
>;

/** A job, where it is, and what remains to be told of it. */
interface Watched {
  readonly id: string;
  readonly queue: string;
  readonly watch: Watch;
}

/** Answers 204 to a client that has been told the end already: a browser then stops connecting again. */
export function watchJob(deps: Events): Handler {
  return async (c) => {
    const { queue } = validateQuery(jobQuery, c.req.queries());
    const id = c.req.param("id") ?? "";
    const last = c.req.header("last-event-id") ?? "";
    const from = last === "" ? null : decodeEventId(last);
    const found = await findJob(deps, id, queue);
    if (found === null) throw notFound(queue);
    const watched = {
      id,
      queue: found.queue,
      watch: createWatch({ ...found, id }, found.job, from),
    };
    if (watched.watch.isOver) return c.body(null, 204);
    if (c.req.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
    const gone = new AbortController();
    const signal = AbortSignal.any([c.req.raw.signal, gone.signal, deps.deadline(longestMs)]);
    const channels =
      found.job.ended === undefined ? await listen(deps, watched, signal) : noSubscriptions;
    return streamSSE(c, async (stream) => {
      stream.onAbort(() => {
        gone.abort();
      });
      try {
        await stream.write(`retry: ${retryMs}\n\n`);
        await follow(deps, watched, { channels, stream, signal });
      } catch (error) {
        // The status has been sent already: the client connects again, and learns the reason then.
        deps.log({ level: "error", event: "watch.failed", id, error });
      } finally {
        gone.abort();
        await Promise.all(channels.map(({ subscription }) => subscription.close()));
      }
    });
  };
}

/** An open subscription, and what a message on it means. */
interface Channel {
  readonly word: "result" | "report";
  readonly subscription: Subscription;
}
const noSubscriptions: readonly Channel[] = [];

/** @throws SignalboxError `redis_unavailable`, `redis_refused` */
async function listen(
  { subscribe, config }: Events,
  { id, queue }: Watched,
  signal: AbortSignal,
): Promise<readonly Channel[]> {
  const [results, reports] = await Promise.allSettled([
    subscribe(signal),
    subscribe(signal, reportChannel(config.naming, queue, id)),
  ]);
  if (results.status === "fulfilled" && reports.status === "fulfilled") {
    return [
      { word: "result", subscription: results.value },
      { word: "report", subscription: reports.value },
    ];
  }
  for (const each of [results, reports]) {
    if (each.status === "fulfilled") await each.value.close();
  }
  throw results.status === "rejected" ? results.reason : (reports as PromiseRejectedResult).reason;
}

/**
 * Reads the job once it is subscribed, so that nothing in between is missed, and then whenever a message mentions the job.
 * While no message does, Redis is asked nothing.
 */
async function follow(
  deps: Events,
  { id, queue, watch }: Watched,
  {
    channels,
    stream,
    signal,
  }: {
    readonly channels: readonly Channel[];
    readonly stream: SSEStreamingApi;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const signals = createSignals<"result" | "report" | "heartbeat" | "closed">();
  const tell = async (events: readonly WatchEvent[]) => {
    for (const { event, id: eventId, data } of events) {
      await stream.writeSSE({ event, id: eventId, data: JSON.stringify(data) });
    }
  };
  /** Reads the job before its reports: if it has ended, all its reports were made before. */
  const readNow = async () => {
    const job = await deps.ledger.read(queue, id);
    if (job === null) return false; // deleted
    await tell(watch.found(job, await deps.ledger.reports(queue, id, watch.from)));
    return !watch.isOver;
  };
  const beat = () => {
    deps.deadline(heartbeatMs).addEventListener("abort", () => {
      signals.put("heartbeat");
      if (!signal.aborted) beat();
    });
  };
  if (!(await readNow())) return;
  beat();
  for (const { word, subscription } of channels) {
    void (async () => {
      while (await subscription.mentions(id)) signals.put(word);
      signals.put("closed");
    })();
  }
  for (;;) {
    const words = await signals.take();
    if (words.has("result")) {
      if (!(await readNow())) return;
    } else if (words.has("report")) {
      await tell(watch.reported(await deps.ledger.reports(queue, id, watch.from)));
    } else if (words.has("heartbeat")) await stream.write(":\n\n");
    if (words.has("closed")) return;
  }
}
