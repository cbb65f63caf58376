/** The routes of nodes, of the callback, and of health. */
import * as z from "zod";
import { resultsRequest } from "./routes.ts";
import type { NodeView } from "../nodes/routes.ts";
import { json } from "../jobs/answers.ts";
import type { Operation } from "../http/operation.ts";

const whole = z.int().min(0);
const node = z
  .object({
    name: z.string(),
    queues: z.array(z.object({ queue: z.string(), slots: whole, busy: whole })),
    slots: whole,
    busy: whole,
    connected: z.boolean(),
    info: json.describe("What the subscriber says of itself"),
  })
  .meta({ id: "Node" }) satisfies z.ZodType<NodeView>;
const nodes = z.object({ nodes: z.array(node) }).meta({ id: "Nodes" });
const recorded = z.object({ recorded: whole }).meta({ id: "Recorded" });
const well = z.object({ status: z.literal("ok") }).meta({ id: "Well" });
const unwell = z
  .object({ status: z.literal("unavailable"), code: z.string(), detail: z.string() })
  .meta({ id: "Unavailable" });

export const systemOperations = {
  listNodes: {
    ...{ method: "GET", path: "/v1/nodes", tag: "system", access: "read" },
    summary: "List nodes, with their queues and slots",
    answers: { 200: { description: "All nodes", schema: nodes } },
    errors: [],
  },
  takeResults: {
    ...{ method: "POST", path: "/v1/results", tag: "system", access: "signature" },
    summary: "The callback: take results in",
    description: "Subscribers call it, and sign what they send as Standard Webhooks have it.",
    body: resultsRequest,
    answers: { 200: { description: "How many were not yet recorded", schema: recorded } },
    errors: ["body_not_json", "body_too_large"],
  },
  health: {
    ...{ method: "GET", path: "/healthz", tag: "system", access: "open" },
    summary: "Whether Redis answers",
    answers: {
      200: { description: "It does", schema: well },
      503: { description: "It does not", schema: unwell, headers: ["retry-after"] },
    },
    errors: [],
  },
} as const satisfies Readonly<Record<string, Operation>>;
