/** The callback. */
import * as z from "zod";
import type { Recorded, Unrecorded } from "../../protocol/api/results.ts";
import { count } from "../http/answer-fields.ts";
import type { Operation } from "../http/operation.ts";
import { resultsRequest } from "./request.ts";

const unrecorded = z
  .object({
    queue: z.string(),
    entry: z.string(),
    results: z.array(count),
    now: z.string().exactOptional(),
  })
  .meta({ id: "Unrecorded" }) satisfies z.ZodType<Unrecorded>;

const recorded = z
  .object({
    recorded: count,
    refused: z.array(unrecorded).exactOptional(),
    left: z.array(unrecorded).exactOptional(),
  })
  .meta({ id: "Recorded" }) satisfies z.ZodType<Recorded>;

export const resultOperations = {
  takeResults: {
    method: "POST",
    path: "/v1/results",
    tag: "system",
    access: "signature",
    summary: "The callback: take results in",
    description:
      "Subscribers call it, and sign what they send as Standard Webhooks have it. What the answer names under `refused` " +
      "and `left` is not recorded and is to be sent again.",
    body: resultsRequest,
    answers: { 200: { description: "How many were not yet recorded", schema: recorded } },
    errors: ["body_not_json", "body_too_large", "body_consumed"],
  },
} as const satisfies Readonly<Record<string, Operation>>;
