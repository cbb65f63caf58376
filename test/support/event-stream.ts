/** Server-sent events, read as a client does. */

/** One event; `data` is parsed. */
export interface ServerEvent {
  readonly event: string;
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventStream {
  /** The next event; null at the end of the stream. */
  next(): Promise<ServerEvent | null>;
  /** The next `count` events, or as many as come. */
  take(count: number): Promise<readonly ServerEvent[]>;
  /** All events up to the end of the stream. */
  rest(): Promise<readonly ServerEvent[]>;
  /** Comments seen so far. */
  readonly comments: () => number;
  cancel(): Promise<void>;
}

/** Reads the body of an answer. @throws Error unless it is a stream of events */
export function readEvents(response: Response): EventStream {
  const type = response.headers.get("content-type");
  if (response.body === null || type !== "text/event-stream") {
    throw new Error(`expected a stream of events, got ${response.status} ${type ?? ""}`);
  }
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let tail = "";
  let comments = 0;

  async function next(): Promise<ServerEvent | null> {
    for (;;) {
      const at = tail.indexOf("\n\n");
      if (at >= 0) {
        const block = tail.slice(0, at).split("\n");
        tail = tail.slice(at + 2);
        if (block[0]?.startsWith(":")) comments++;
        const field = (name: string) =>
          block.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        const data = field("data");
        if (data === undefined) continue;
        const parsed = JSON.parse(data) as ServerEvent["data"];
        return { event: field("event") ?? "message", id: field("id") ?? "", data: parsed };
      }
      const { done, value } = await reader.read();
      if (done) return null;
      tail += decoder.decode(value, { stream: true });
    }
  }

  async function take(count: number): Promise<readonly ServerEvent[]> {
    const events: ServerEvent[] = [];
    while (events.length < count) {
      const event = await next();
      if (event === null) break;
      events.push(event);
    }
    return events;
  }

  return {
    next,
    take,
    rest: () => take(Infinity),
    comments: () => comments,
    cancel: () => reader.cancel(),
  };
}
