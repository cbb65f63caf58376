/** The script `lua/list-nodes.lua`: the rows that it answers. */
import { listNodesLua } from "../lua/generated.ts";
import { list, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** One node as one queue sees it. */
export interface NodeRow {
  readonly node: string;
  readonly epoch: string;
  readonly slots: number;
  readonly busy: number;
  /** Whether its last message found a listener. */
  readonly connected: boolean;
  /** What the subscriber tells about itself, JSON text. */
  readonly info: string;
}

/** Reads as many leases as jobs run. */
export const listNodes = defineScript(listNodesLua, (reply): readonly NodeRow[] => {
  const [rows, members] = list(reply);
  const words = list(rows).map(text);
  const busy = countBusy(list(members).map(text));
  const found = words.flatMap((node, at) =>
    at % 2 === 0 ? [parseRow(node, text(words[at + 1]), busy.get(node) ?? 0)] : [],
  );
  return found.sort((a, b) => a.node.localeCompare(b.node, "en", { numeric: true }));
});

/** Counts leases by node. The watch among the members names no node. */
function countBusy(members: readonly string[]): ReadonlyMap<string, number> {
  const busy = new Map<string, number>();
  for (const member of members) {
    const [, , node] = member.split(" ");
    if (node !== undefined) busy.set(node, (busy.get(node) ?? 0) + 1);
  }
  return busy;
}

/** A row that no script wrote reads as a node without slots that is not connected. */
function parseRow(node: string, row: string, busy: number): NodeRow {
  const [epoch = "", slots = "0", mark = "0", ...info] = row.split(" ");
  return {
    node,
    epoch,
    slots: Number(slots),
    busy,
    connected: mark === "1",
    info: info.join(" "),
  };
}
