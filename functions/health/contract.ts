/** The health check. */
import * as z from "zod";
import type { Unwell, Well } from "../../protocol/api/health.ts";
import type { Operation } from "../http/operation.ts";

const well = z.object({ status: z.literal("ok") }).meta({ id: "Well" }) satisfies z.ZodType<Well>;
const unwell = z
  .object({ status: z.literal("unavailable"), code: z.string(), detail: z.string() })
  .meta({ id: "Unavailable" }) satisfies z.ZodType<Unwell>;

export const healthOperations = {
  health: {
    method: "GET",
    path: "/healthz",
    tag: "system",
    access: "open",
    summary: "Whether Redis answers",
    answers: {
      200: { description: "It does", schema: well },
      503: { description: "It does not", schema: unwell, headers: ["retry-after"] },
    },
    errors: [],
  },
} as const satisfies Readonly<Record<string, Operation>>;
