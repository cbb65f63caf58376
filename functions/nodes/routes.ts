/** `GET /v1/nodes`: which nodes serve which queues. */
import type { Handler } from "hono";
import type { Nodes } from "../../protocol/api/nodes.ts";
import type { AppDeps, RoutesOf } from "../deps.ts";
import { refuseQuery } from "../http/validation.ts";
import type { nodeOperations } from "./contract.ts";
import { nodeView } from "./view.ts";

export const nodeRoutes: RoutesOf<typeof nodeOperations> = { listNodes };

/** Answers 200 with all nodes, by name. */
function listNodes({ ledger }: Pick<AppDeps, "ledger">): Handler {
  return async (c) => {
    refuseQuery(c.req.queries());
    const rows = (await ledger.nodes(await ledger.queues())).flatMap(({ queue, value }) =>
      value.map((row) => ({ queue, row })),
    );
    const names = [...new Set(rows.map(({ row }) => row.node))].sort(byNumber);
    const listeners = await ledger.listeners(names);
    const nodes = names.map((name) => {
      const own = rows.filter(({ row }) => row.node === name);
      return nodeView(name, own, (listeners.get(name) ?? 0) > 0);
    });
    return c.json({ nodes } satisfies Nodes);
  };
}

/** `node-9` before `node-10`. */
function byNumber(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
