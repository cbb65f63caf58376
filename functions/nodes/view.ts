/** Nodes as callers see them: one node over all queues that it serves. */
import type { NodeView } from "../../protocol/api/nodes.ts";
import type { NodeRow } from "../../protocol/scripts/list-nodes.ts";
import type { Json } from "../../protocol/wire/json.ts";

/** What one queue knows of a node. */
export interface QueueRow {
  readonly queue: string;
  readonly row: NodeRow;
}

/** `rows` are those of the node `name`; `hasListener` says whether a process listens on its channel now. */
export function nodeView(name: string, rows: readonly QueueRow[], hasListener: boolean): NodeView {
  return {
    name,
    queues: rows.map(({ queue, row: { slots, busy } }) => ({ queue, slots, busy })),
    slots: rows.reduce((sum, { row }) => sum + row.slots, 0),
    busy: rows.reduce((sum, { row }) => sum + row.busy, 0),
    connected: hasListener && rows.some(({ row }) => row.connected),
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
