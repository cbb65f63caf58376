/** `GET /v1/nodes`: who serves which queues. */
import type { Handler } from "hono";
import type { Json } from "../../protocol/wire/json.ts";
import type { NodeRow } from "../../protocol/scripts/list-nodes.ts";
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
    const rows = (await ledger.nodes(await ledger.queues())).flatMap(({ queue, value }) =>
      value.map((row) => ({ queue, row })),
    );
    const names = [...new Set(rows.map(({ row }) => row.node))].sort(byNumber);
    const listeners = await ledger.listeners(names);
    const nodes = names.map((name) =>
      nodeView(
        name,
        rows.filter(({ row }) => row.node === name),
        (listeners.get(name) ?? 0) > 0,
      ),
    );
    return c.json({ nodes });
  };
}

function nodeView(
  name: string,
  rows: readonly { readonly queue: string; readonly row: NodeRow }[],
  heard: boolean,
): NodeView {
  return {
    name,
    queues: rows.map(({ queue, row: { slots, busy } }) => ({ queue, slots, busy })),
    slots: rows.reduce((sum, { row }) => sum + row.slots, 0),
    busy: rows.reduce((sum, { row }) => sum + row.busy, 0),
    connected: heard && rows.some(({ row }) => row.connected),
    info: parseInfo(rows[0]?.row.info ?? ""),
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
