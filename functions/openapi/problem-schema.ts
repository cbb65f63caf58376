/** The body of every answer that is not a success. */
import * as z from "zod";
import type { Problem } from "../../protocol/api/problem.ts";
import { errorCodes } from "../../protocol/error.ts";

export const problem = z
  .object({
    type: z.literal("about:blank"),
    title: z.string(),
    status: z.int(),
    code: z.enum(errorCodes).describe("Stable: tell cases apart by it"),
    detail: z.string().describe("One sentence: what was expected"),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .max(20)
      .exactOptional()
      .describe("Each place of the request that was not as expected"),
  })
  .meta({ id: "Problem", description: "RFC 9457 problem details" }) satisfies z.ZodType<Problem>;
