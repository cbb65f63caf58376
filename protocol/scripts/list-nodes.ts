/** Reads who serves a queue and how many attempts each runs. Changes nothing. */
import { defineScript } from "../redis/script.ts";
import { list, text } from "../redis/reply.ts";

/** One node as one queue sees it. */
export interface NodeRow {
  readonly node: string;
  readonly epoch: string;
  readonly slots: number;
  readonly busy: number;
  /** Whether its last message found a listener. */
  readonly connected: boolean;
  /** What the subscriber says of itself, JSON text. */
  readonly info: string;
}

/** Reads as many leases as jobs run. */
export const listNodes = defineScript({
  name: "nodes",
  keys: ["leases", "nodes"],
  args: [],
  lua: `return { redis.call("HGETALL", nodes), redis.call("ZRANGE", leases, 0, -1) }`,
  parse: (reply): readonly NodeRow[] => {
    const [seats, members] = list(reply).map((part) => list(part).map(text));
    const busy = new Map<string, number>();
    for (const member of members ?? []) {
      const [, , node] = member.split(" ");
      if (node !== undefined) busy.set(node, (busy.get(node) ?? 0) + 1);
    }
    const found: NodeRow[] = [];
    for (let at = 0; at + 1 < (seats ?? []).length; at += 2) {
      const node = seats?.[at] ?? "";
      const [epoch = "", slots = "0", connected = "0", ...info] = (seats?.[at + 1] ?? "").split(
        " ",
      );
      found.push({
        node,
        epoch,
        slots: Number(slots),
        busy: busy.get(node) ?? 0,
        connected: connected === "1",
        info: info.join(" "),
      });
    }
    return found.sort((a, b) => a.node.localeCompare(b.node, "en", { numeric: true }));
  },
});
