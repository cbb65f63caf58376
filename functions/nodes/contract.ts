/** The route of nodes. */
import * as z from "zod";
import type { Nodes, NodeView } from "../../protocol/api/nodes.ts";
import { count, json } from "../http/answer-fields.ts";
import type { Operation } from "../http/operation.ts";

const node = z
  .object({
    name: z.string(),
    queues: z.array(z.object({ queue: z.string(), slots: count, busy: count })),
    slots: count,
    busy: count,
    connected: z.boolean(),
    info: json.describe("What the subscriber says of itself"),
  })
  .meta({ id: "Node" }) satisfies z.ZodType<NodeView>;
const nodes = z.object({ nodes: z.array(node) }).meta({ id: "Nodes" }) satisfies z.ZodType<Nodes>;

export const nodeOperations = {
  listNodes: {
    method: "GET",
    path: "/v1/nodes",
    tag: "system",
    access: "read",
    summary: "List nodes, with their queues and slots",
    answers: { 200: { description: "All nodes", schema: nodes } },
    errors: [],
  },
} as const satisfies Readonly<Record<string, Operation>>;
