/** `POST /v1/results`: the callback. Subscribers deliver results, and learn that they are recorded. */
import type { Handler } from "hono";
import type { Recorded } from "../../protocol/api/results.ts";
import { SignalboxError } from "../../protocol/error.ts";
import { verify } from "../../protocol/signing/webhook.ts";
import type { AppDeps, RoutesOf } from "../deps.ts";
import { parseJson, readText } from "../http/body.ts";
import { validate } from "../http/validation.ts";
import type { resultOperations } from "./contract.ts";
import { deliverResults } from "./deliver.ts";
import { resultsRequest } from "./request.ts";

export const resultRoutes: RoutesOf<typeof resultOperations> = { takeResults };

const maxBytes = 10_485_760;

type ResultDeps = Pick<AppDeps, "maintenance" | "config" | "now" | "onResult">;

/**
 * Answers 200 with how many deliveries were still waiting: 0 for a repetition. Depth has no limit: what a handler returned
 * must be recorded, or it would be delivered again without end.
 */
function takeResults({ maintenance, config, now, onResult }: ResultDeps): Handler {
  return async (c) => {
    const body = await readText(c.req.raw, maxBytes);
    const wrong = await verify(config.signingKeys, {
      header: (name) => c.req.header(name),
      body,
      nowMs: now(),
    });
    if (wrong !== null) throw new SignalboxError("signature_invalid", wrong);
    const { deliveries } = validate(resultsRequest, parseJson(body));
    const recorder = { maintenance, ...(onResult === undefined ? {} : { onResult }) };
    return c.json({ recorded: await deliverResults(recorder, deliveries) } satisfies Recorded);
  };
}
