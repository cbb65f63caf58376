/** The routes of jobs: one for each operation of the contract, each in a file of its own. */
import type { RoutesOf } from "../deps.ts";
import { cancelJob } from "./cancel.ts";
import type { jobOperations } from "./contract.ts";
import { deleteJob } from "./delete.ts";
import { acceptBatch, acceptJob } from "./dispatch.ts";
import { watchJob } from "./events.ts";
import { listJobs } from "./list.ts";
import { readJob } from "./read.ts";
import { resendJob } from "./resend.ts";

export const jobRoutes: RoutesOf<typeof jobOperations> = {
  listJobs,
  acceptJob,
  acceptBatch,
  readJob,
  deleteJob,
  watchJob,
  cancelJob,
  resendJob,
};
