/** `POST /v1/results`: the callback. Subscribers deliver results, and learn that they are recorded. */
import type { Handler } from "hono";
import type { Recorded } from "../../protocol/api/results.ts";
import { SignalboxError } from "../../protocol/error.ts";
import { type ReceivedMessage, verify, wrongHeaders } from "../../protocol/signing/webhook.ts";
import { omitUndefined } from "../../protocol/wire/omit-undefined.ts";
import type { AppDeps, Log, RoutesOf } from "../deps.ts";
import { parseJson, readText } from "../http/body.ts";
import { validate } from "../http/validation.ts";
import type { resultOperations } from "./contract.ts";
import { deliverResults, type DeliveryReport } from "./deliver.ts";
import { resultsRequest } from "./request.ts";

export const resultRoutes: RoutesOf<typeof resultOperations> = { takeResults };

const maxBytes = 10_485_760;
/** How many different reasons of a hook are logged for one callback. */
const maxReasons = 5;

type ResultDeps = Pick<AppDeps, "maintenance" | "config" | "now" | "onResult" | "log">;

/**
 * Answers 200 with how many deliveries were still waiting (0 for a repetition) and which results are to be sent again.
 * Headers come first: a request that cannot be genuine is refused before its body is received. Depth has no limit: what a
 * handler returned must be recorded, or it would be delivered again without end.
 */
function takeResults({ maintenance, config, now, onResult, log }: ResultDeps): Handler {
  return async (c) => {
    const received: Omit<ReceivedMessage, "body"> = {
      header: (name) => c.req.header(name),
      nowMs: now(),
    };
    const unfit = wrongHeaders(config.signingKeys, received);
    if (unfit !== null) throw new SignalboxError("signature_invalid", unfit);
    const body = await readText(c.req.raw, maxBytes);
    const wrong = await verify(config.signingKeys, { ...received, body });
    if (wrong !== null) throw new SignalboxError("signature_invalid", wrong);
    const { deliveries } = validate(resultsRequest, parseJson(body));
    const { outboxMs } = config.retention;
    const recorder = { maintenance, outboxMs, ...(onResult === undefined ? {} : { onResult }) };
    const report = await deliverResults(recorder, deliveries);
    logRefusals(log, report);
    const { recorded, refused, left } = report;
    return c.json({
      recorded,
      ...omitUndefined({
        refused: refused.length === 0 ? undefined : refused,
        left: left.length === 0 ? undefined : left,
      }),
    } satisfies Recorded);
  };
}

/** The hook is the user's, and this log is where its user looks: the subscriber is not told what it threw. */
function logRefusals(log: Log, { failures, dropped }: DeliveryReport): void {
  for (const failure of failures.slice(0, maxReasons)) {
    log({ level: "error", event: "result.refused", ...failure });
  }
  if (failures.length > maxReasons) {
    const rest = failures.slice(maxReasons);
    const count = rest.reduce((sum, each) => sum + each.count, 0);
    const reason = `onResult threw ${rest.length} more messages`;
    log({ level: "error", event: "result.refused", reason, count });
  }
  if (dropped > 0) log({ level: "error", event: "result.dropped", count: dropped });
}
