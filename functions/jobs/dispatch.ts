/** `POST /v1/jobs` and `POST /v1/jobs/batch`: store jobs and push them to nodes. */
import type { Handler } from "hono";
import type { Receipt, Receipts, Refusal } from "../../protocol/api/jobs.ts";
import { SignalboxError } from "../../protocol/error.ts";
import type { Dispatched } from "../../protocol/ledger/jobs.ts";
import { jobId } from "../../protocol/wire/fields.ts";
import type { JobSpec } from "../../protocol/wire/job.ts";
import type { RouteDeps } from "../deps.ts";
import { readJson } from "../http/body.ts";
import { refuseQuery, validate } from "../http/validation.ts";
import { requireBatchFits } from "./batch-size.ts";
import { batchRequest, type JobRequest, jobRequest, toSpec } from "./request.ts";
import { receipt } from "./view.ts";

/** Room for the fields of a job beside its payload, and for spaces. */
const envelopeBytes = 65_536;
/** How deep a job is without its payload: it may hold a list of delays. */
const envelopeDepth = 3;
const maxBatchBytes = 8_388_608;

type Accept = Pick<RouteDeps, "ledger" | "config" | "newId">;

/** Answers 202 with the receipt of one job, the same again if it was known; 409 if its id has other content. */
export function acceptJob({ ledger, config, newId }: Accept): Handler {
  return async (c) => {
    refuseQuery(c.req.queries());
    const { value } = await readJson(c.req.raw, {
      maxBytes: config.maxPayloadBytes + envelopeBytes,
      maxDepth: Math.max(config.maxDepth + 1, envelopeDepth),
    });
    const request = validate(jobRequest, value);
    const key = c.req.header("idempotency-key");
    const id = request.id ?? (key === undefined ? newId() : validate(jobId, key));
    const spec = await toSpec(
      { ...request, id },
      { newId, maxPayloadBytes: config.maxPayloadBytes },
    );
    const [answer] = await ledger.dispatch([spec]);
    if (answer === undefined)
      throw new SignalboxError("reply_unexpected", "expected an answer for each job");
    if (answer.kind !== "accepted") throw refusal(answer);
    const { queue } = answer;
    c.header(
      "location",
      `/v1/jobs/${encodeURIComponent(answer.id)}?queue=${encodeURIComponent(queue)}`,
    );
    return c.json(receipt(answer), 202);
  };
}

/** Answers 202 for up to 1,000 jobs in one round trip, with a receipt or an error for each, in their order. */
export function acceptBatch(deps: Accept & Pick<RouteDeps, "countJobs">): Handler {
  const { ledger, config, newId, countJobs } = deps;
  return async (c) => {
    refuseQuery(c.req.queries());
    const { value, text } = await readJson(c.req.raw, {
      maxBytes: maxBatchBytes,
      maxDepth: Math.max(config.maxDepth + 1, envelopeDepth) + 2,
    });
    const { jobs } = validate(batchRequest, value);
    if (c.req.header("idempotency-key") !== undefined) refuseMissingIds(jobs);
    const options = { newId, maxPayloadBytes: config.maxPayloadBytes };
    const specs = await Promise.all(jobs.map((job): Promise<JobSpec> => toSpec(job, options)));
    requireBatchFits(text, specs);
    await countJobs(c, specs.length);
    const answers = await ledger.dispatch(specs);
    return c.json({ jobs: answers.map(entryOf) } satisfies Receipts, 202);
  };
}

/** What a batch says of one job. */
function entryOf(answer: Dispatched): Receipt | Refusal {
  if (answer.kind === "accepted") return receipt(answer);
  const code = answer.kind === "rejected" ? "key_held" : "id_conflict";
  return { id: answer.id, error: { code, detail: refusal(answer).message } };
}

/**
 * A client that sends an idempotency key will send it again and rely on it. One key cannot be the id of many jobs, and to
 * ignore it would make them all a second time.
 */
function refuseMissingIds(jobs: readonly JobRequest[]): void {
  const at = jobs.findIndex(({ id }) => id === undefined);
  if (at === -1) return;
  throw new SignalboxError(
    "invalid_request",
    `jobs.${at}.id: expected an id for each job, since Idempotency-Key is for a single job`,
  );
}

function refusal(answer: Exclude<Dispatched, { kind: "accepted" }>): SignalboxError {
  if (answer.kind === "rejected") {
    return new SignalboxError(
      "key_held",
      `expected a deduplication key that no job of queue ${answer.queue} holds; job ${answer.holder} holds this one`,
    );
  }
  return new SignalboxError(
    "id_conflict",
    `expected the content with which job ${answer.id} of queue ${answer.queue} was accepted ` +
      "(name, payload, node, attempts, backoff, timeoutMs; not when it starts or expires, nor dedupe); " +
      "use another id for another job",
  );
}
