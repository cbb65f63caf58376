/** `GET /v1/nodes`: who serves which queues. */
import type { Handler } from "hono";
import type { Json } from "../../protocol/wire/json.ts";
import type { Seat } from "../../protocol/scripts/list-nodes.ts";
import type { AppDeps } from "../deps.ts";
import { refuseQuery } from "../http/validation.ts";

/** One node, over all queues that it serves. */
export interface NodeView {
  readonly name: string;
  readonly queues: readonly {
    readonly queue: string;
    readonly slots: number;
    readonly busy: number;
  }[];
  readonly slots: number;
  readonly busy: number;
  /** Whether it has joined, its last message found a listener, and somebody listens now. */
  readonly connected: boolean;
  /** What the subscriber says of itself. */
  readonly info: Json;
}

export function listNodes({ ledger }: Pick<AppDeps, "ledger">): Handler {
  return async (c) => {
    refuseQuery(c.req.queries());
    const seats = (await ledger.nodes(await ledger.queues())).flatMap(({ queue, value }) =>
      value.map((seat) => ({ queue, seat })),
    );
    const names = [...new Set(seats.map(({ seat }) => seat.node))].sort(byNumber);
    const listeners = await ledger.listeners(names);
    const nodes = names.map((name) =>
      nodeView(
        name,
        seats.filter(({ seat }) => seat.node === name),
        (listeners.get(name) ?? 0) > 0,
      ),
    );
    return c.json({ nodes });
  };
}

function nodeView(
  name: string,
  seats: readonly { readonly queue: string; readonly seat: Seat }[],
  heard: boolean,
): NodeView {
  return {
    name,
    queues: seats.map(({ queue, seat: { slots, busy } }) => ({ queue, slots, busy })),
    slots: seats.reduce((sum, { seat }) => sum + seat.slots, 0),
    busy: seats.reduce((sum, { seat }) => sum + seat.busy, 0),
    connected: heard && seats.some(({ seat }) => seat.connected),
    info: parseInfo(seats[0]?.seat.info ?? ""),
  };
}

function parseInfo(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // A subscriber may say what it likes; it is only shown.
    return text;
  }
}

function byNumber(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
