/** The callback. */
import * as z from "zod";
import type { Recorded } from "../../protocol/api/results.ts";
import { count } from "../http/answer-fields.ts";
import type { Operation } from "../http/operation.ts";
import { resultsRequest } from "./request.ts";

const recorded = z
  .object({ recorded: count })
  .meta({ id: "Recorded" }) satisfies z.ZodType<Recorded>;

export const resultOperations = {
  takeResults: {
    method: "POST",
    path: "/v1/results",
    tag: "system",
    access: "signature",
    summary: "The callback: take results in",
    description: "Subscribers call it, and sign what they send as Standard Webhooks have it.",
    body: resultsRequest,
    answers: { 200: { description: "How many were not yet recorded", schema: recorded } },
    errors: ["body_not_json", "body_too_large"],
  },
} as const satisfies Readonly<Record<string, Operation>>;
