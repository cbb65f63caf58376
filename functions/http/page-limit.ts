/** How long a page may be, for every list. */
import * as z from "zod";

const message = "expected a whole number from 1 to 100";

/** The `limit` of a query: 1 to 100. @default 20 */
export const pageLimit = z
  .string()
  .regex(/^\d{1,3}$/, message)
  .transform(Number)
  .refine((limit) => limit >= 1 && limit <= 100, message)
  .default(20)
  .meta({ type: "integer", minimum: 1, maximum: 100, pattern: undefined });
