/**
 * All operations: a line for each resource. Their order is the router's: an exact path comes before one with a parameter.
 * The handlers of the same resources stand in `app.ts`.
 */
import { failedOperations } from "../failed/contract.ts";
import { healthOperations } from "../health/contract.ts";
import type { Operation } from "../http/operation.ts";
import { jobOperations } from "../jobs/contract.ts";
import { nodeOperations } from "../nodes/contract.ts";
import { resultOperations } from "../results/contract.ts";
import { scheduleOperations } from "../schedules/contract.ts";

const all = {
  ...jobOperations,
  ...failedOperations,
  ...scheduleOperations,
  ...nodeOperations,
  ...resultOperations,
  ...healthOperations,
};

/** The name of an operation: its `operationId` in the document, its handler's key in the routes of its resource. */
export type OperationName = keyof typeof all;
export const operations: Readonly<Record<OperationName, Operation>> = all;
