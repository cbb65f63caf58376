/** The events of a job as one loop, over as many streams of server-sent events as it takes. */
import type { JobEvent } from "../protocol/api/jobs.ts";
import { omitUndefined } from "../protocol/wire/omit-undefined.ts";
import type { InQueue } from "./order.ts";
import { type Open, sleep } from "./request.ts";

/**
 * One event of a job; `result` is the last.
 * @example
 * function show({ event, data }: WatchEvent<unknown>): void {
 *   if (event === "log" && "message" in data) console.log(data.level, data.message);
 * }
 */
export type WatchEvent<View> = JobEvent<View>;

/** The pause between two streams, in milliseconds: the previous one may have ended immediately. */
const pauseMs = 1_000;

/** Ends after `result`, or when the job is deleted. Where a stream breaks off, the next one goes on. */
export async function* watchJob<View>(
  open: Open,
  path: string,
  { queue, signal, timeoutMs }: InQueue,
): AsyncGenerator<WatchEvent<View>, void> {
  let last: string | undefined;
  const limits = omitUndefined({ signal, timeoutMs });
  for (;;) {
    const headers = omitUndefined({ "last-event-id": last });
    const target = { method: "GET", path, query: { queue }, headers, isRepeatSafe: true } as const;
    const { status, body } = await open({ ...limits, ...target });
    if (status === 204 || body === null) return;
    try {
      for await (const { id, told } of eventsOf<View>(body)) {
        last = id ?? last;
        if (told === null) continue;
        yield told;
        if (told.event === "result") return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      // Cut off in the middle: the next stream brings the rest. A line that is not JSON would not become JSON.
      if (error instanceof SyntaxError) throw error;
    }
    await sleep(pauseMs, signal);
    signal?.throwIfAborted();
  }
}

/** The events of one stream; a block that only carries an id, or a comment, tells nothing. */
async function* eventsOf<View>(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<{ readonly id: string | undefined; readonly told: WatchEvent<View> | null }> {
  for await (const block of blocks(body)) {
    const { event, id, data } = fieldsOf(block);
    const isEvent = event !== undefined && data !== undefined;
    // `data` is of the type that the function writes; see `functions/jobs/watch.ts`.
    const told = isEvent
      ? ({ event, data: JSON.parse(data) as unknown } as WatchEvent<View>)
      : null;
    yield { id, told };
  }
}

/** The blocks of a stream, each ended by an empty line; an unfinished block at the end is dropped. */
async function* blocks(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (text + decoder.decode(value, { stream: true })).split("\n\n");
      text = parts.pop() ?? "";
      yield* parts;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function fieldsOf(block: string): Readonly<Partial<Record<string, string>>> {
  return Object.fromEntries(
    block.split("\n").flatMap((line) => {
      const at = line.indexOf(":");
      return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1).trimStart()]];
    }),
  );
}
