/** All routes. Their order is the router's: what is exact comes before what has a parameter. */
import { jobOperations } from "../jobs/contract.ts";
import type { Operation } from "../http/operation.ts";
import { scheduleOperations } from "../schedules/contract.ts";
import { systemOperations } from "../results/contract.ts";

const all = { ...jobOperations, ...scheduleOperations, ...systemOperations };

/** The name of an operation: its `operationId` in the document, its handler's key in `app.ts`. */
export type OperationName = keyof typeof all;
export const operations: Readonly<Record<OperationName, Operation>> = all;
