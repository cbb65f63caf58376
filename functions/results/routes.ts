/** `POST /v1/results`: the callback. Subscribers deliver what ended, and learn that it is recorded. */
import type { Handler } from "hono";
import * as z from "zod";
import { SignalboxError } from "../../protocol/error.ts";
import { terminalStates } from "../../protocol/wire/job.ts";
import { verify } from "../../protocol/signing/webhook.ts";
import { parseJson, readText } from "../http/body.ts";
import type { AppDeps } from "../deps.ts";
import { queueName } from "../jobs/request.ts";
import { deliverResults, type Delivery } from "./deliver.ts";
import { objectError, validate } from "../http/validation.ts";

const maxBytes = 10_485_760;

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

type Results = Pick<AppDeps, "maintenance" | "config" | "now" | "onResult">;

/**
 * 200 with how many deliveries were still waiting: 0 for a repetition. No limit of depth: what a
 * handler returned must be recorded, or it would come again for ever.
 */
export function takeResults({ maintenance, config, now, onResult }: Results): Handler {
  return async (c) => {
    const body = await readText(c.req.raw, maxBytes);
    const wrong = await verify(config.signingKeys, {
      header: (name) => c.req.header(name),
      body,
      nowMs: now(),
    });
    if (wrong !== null) throw new SignalboxError("signature_invalid", wrong);
    // The rest of a message is as `ResultMessage` says: whoever knows the secret runs our code.
    const { deliveries } = validate(resultsRequest, parseJson(body)) as unknown as {
      readonly deliveries: readonly Delivery[];
    };
    const recorder = { maintenance, ...(onResult === undefined ? {} : { onResult }) };
    return c.json({ recorded: await deliverResults(recorder, deliveries) });
  };
}
