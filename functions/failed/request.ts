/** What a caller may ask of the failed set. */
import * as z from "zod";
import { jobId, jobName, objectError, queueName } from "../../protocol/wire/fields.ts";
import { defaultQueue } from "../../protocol/wire/names.ts";
import { pageLimit } from "../http/page-limit.ts";

const failureCode = z
  .string("expected the code of a failure")
  .regex(/^\w{1,64}$/, "expected the code of a failure");
const cursor = z
  .string("expected a cursor that this route gave")
  .regex(/^\d{1,9}$/, "expected a cursor that this route gave");
const wholeIds = "expected an array of 1 to 1000 ids";

/** Query of `GET /v1/failed`. */
export const failedQuery = z.strictObject(
  {
    queue: queueName.default(defaultQueue),
    name: jobName.exactOptional(),
    code: failureCode.exactOptional(),
    cursor: cursor.exactOptional(),
    limit: pageLimit,
  },
  { error: objectError("a query of queue, name, code, cursor and limit") },
);

/** Body of `POST /v1/failed/resend` and `POST /v1/failed/delete`: ids, or all that match. */
export const failedSelection = z
  .strictObject(
    {
      queue: queueName.default(defaultQueue),
      ids: z.array(jobId, wholeIds).min(1, wholeIds).max(1_000, wholeIds).exactOptional(),
      name: jobName.exactOptional(),
      code: failureCode.exactOptional(),
      cursor: cursor.exactOptional(),
    },
    { error: objectError("an object with queue?, and either ids or name?, code? and cursor?") },
  )
  .refine(
    ({ ids, name, code, cursor: from }) =>
      ids === undefined || (name === undefined && code === undefined && from === undefined),
    "expected either ids, or name, code and cursor",
  );
