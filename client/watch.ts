/** What happens to a job, as it happens: the server-sent events of the API as one loop, over as many streams as it takes. */
import type { Json } from "../protocol/wire/json.ts";
import type { InQueue } from "./order.ts";
import { sleep, type Open } from "./request.ts";
import type { Ended, JobLine } from "../protocol/api/jobs.ts";

/** What a handler said while it ran, and of which attempt. */
interface Said {
  readonly attempt: number;
  readonly node: string;
  readonly at: string;
}

/** One event; `result` is the last. */
export type WatchEvent<View> =
  | { readonly event: "state"; readonly data: JobLine }
  | { readonly event: "progress"; readonly data: Said & { readonly progress: Json } }
  | {
      readonly event: "log";
      readonly data: Said & {
        readonly level: string;
        readonly message: string;
        readonly fields?: Readonly<Record<string, Json>>;
      };
    }
  | { readonly event: "result"; readonly data: Ended<View> };

/** Between two streams, in milliseconds: the one before may have ended at once. */
const pauseMs = 1_000;

/** Ends after `result`, or when the job is deleted. A stream that breaks off is gone on with where it ended. */
export async function* watchJob<View>(
  open: Open,
  path: string,
  { queue, signal, timeoutMs }: InQueue,
): AsyncGenerator<WatchEvent<View>, void> {
  let last: string | undefined;
  const limits = {
    ...(signal === undefined ? {} : { signal }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
  for (;;) {
    const headers = last === undefined ? {} : { "last-event-id": last };
    const target = { method: "GET", path, query: { queue }, headers, isRepeatSafe: true } as const;
    const { status, body } = await open({ ...limits, ...target });
    if (status === 204 || body === null) return;
    try {
      for await (const block of blocks(body)) {
        const { event, id, data } = fieldsOf(block);
        if (id !== undefined) last = id;
        if (event === undefined || data === undefined) continue;
        // The function says what is in `data`; see `functions/jobs/watch.ts`.
        yield { event, data: JSON.parse(data) as unknown } as WatchEvent<View>;
        if (event === "result") return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      // Cut off in the middle: what was not told comes with the next stream. A line that is not JSON does not.
      if (error instanceof SyntaxError) throw error;
    }
    await sleep(pauseMs, signal);
    signal?.throwIfAborted();
  }
}

/** The parts of a stream that empty lines end; what is left at its end is not whole, and dropped. */
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
