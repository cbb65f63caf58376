/** What a subscriber sends to the callback. */
import * as z from "zod";
import { objectError, queueName } from "../../protocol/wire/fields.ts";
import { terminalStates } from "../../protocol/wire/job.ts";

/** What recording relies on; a later version may say more. */
const resultMessage = z.looseObject({
  v: z.literal(1, "expected version 1"),
  id: z.string(),
  name: z.string(),
  queue: z.string(),
  node: z.string(),
  token: z.string(),
  attempt: z.number(),
  state: z.enum(terminalStates),
});

const wholeBatch = "expected an array of 1 to 1000 deliveries";
/** Body of `POST /v1/results`. */
export const resultsRequest = z.strictObject(
  {
    deliveries: z
      .array(
        z.strictObject(
          {
            queue: queueName,
            entry: z
              .string()
              .regex(/^\d{1,15}-\d{1,19}$/, "expected the id of an outbox entry, <ms>-<n>"),
            results: z.array(resultMessage).min(1, "expected at least one result"),
          },
          { error: objectError("a delivery with queue, entry and results") },
        ),
        wholeBatch,
      )
      .min(1, wholeBatch)
      .max(1_000, wholeBatch),
  },
  { error: objectError("an object with deliveries") },
);
