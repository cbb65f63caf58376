/** Each schema of the document says what its type in `protocol/api/` says, no more and no less: else this does not compile. */
import { describe, expectTypeOf, test } from "vitest";
import type * as z from "zod";
import type { failedOperations } from "../../../../functions/failed/contract.ts";
import type { healthOperations } from "../../../../functions/health/contract.ts";
import type { jobOperations } from "../../../../functions/jobs/contract.ts";
import type { nodeOperations } from "../../../../functions/nodes/contract.ts";
import type { problem } from "../../../../functions/openapi/problem-schema.ts";
import type { resultOperations } from "../../../../functions/results/contract.ts";
import type { scheduleOperations } from "../../../../functions/schedules/contract.ts";
import type * as failed from "../../../../protocol/api/failed.ts";
import type * as health from "../../../../protocol/api/health.ts";
import type * as jobs from "../../../../protocol/api/jobs.ts";
import type * as nodes from "../../../../protocol/api/nodes.ts";
import type { Problem } from "../../../../protocol/api/problem.ts";
import type * as results from "../../../../protocol/api/results.ts";
import type * as schedules from "../../../../protocol/api/schedules.ts";
import type { Json } from "../../../../protocol/wire/json.ts";
import type { Failure } from "../../../../protocol/wire/messages.ts";

/** Without what TypeScript can say and a schema cannot: `readonly`; and without the fields that a loose schema leaves open. */
type Plain<T> = [T, Json] extends [Json, T]
  ? "any JSON"
  : T extends Pick<Failure, "code" | "message" | "retryable">
    ? "a failure"
    : T extends readonly (infer Item)[]
      ? readonly Plain<Item>[]
      : T extends object
        ? { readonly [Key in keyof T as string extends Key ? never : Key]: Plain<T[Key]> }
        : T;

/** What an operation answers with a status, by its schema. */
type Answer<Operation, Status extends PropertyKey> = Operation extends {
  readonly answers: Readonly<Record<Status, { readonly schema: infer Schema }>>;
}
  ? Plain<z.output<Schema>>
  : never;

type Jobs = typeof jobOperations;
type Failed = typeof failedOperations;
type Schedules = typeof scheduleOperations;

describe("the document describes exactly the types of the answers", () => {
  test("of jobs", () => {
    expectTypeOf<Answer<Jobs["listJobs"], 200>>().toEqualTypeOf<Plain<jobs.JobPage>>();
    expectTypeOf<Answer<Jobs["readJob"], 200>>().toEqualTypeOf<Plain<jobs.JobView>>();
    expectTypeOf<Answer<Jobs["acceptJob"], 202>>().toEqualTypeOf<Plain<jobs.Receipt>>();
    expectTypeOf<Answer<Jobs["acceptBatch"], 202>>().toEqualTypeOf<Plain<jobs.Receipts>>();
    expectTypeOf<Answer<Jobs["cancelJob"], 200>>().toEqualTypeOf<Plain<jobs.Cancelled>>();
    expectTypeOf<Answer<Jobs["resendJob"], 202>>().toEqualTypeOf<Plain<jobs.Resent>>();
  });

  test("of the failed set", () => {
    expectTypeOf<Answer<Failed["listFailed"], 200>>().toEqualTypeOf<Plain<failed.FailedPage>>();
    expectTypeOf<Answer<Failed["resendFailed"], 202>>().toEqualTypeOf<Plain<failed.ManyResent>>();
    expectTypeOf<Answer<Failed["deleteFailed"], 202>>().toEqualTypeOf<Plain<failed.ManyDeleted>>();
  });

  test("of schedules", () => {
    type Put = Plain<schedules.PutSchedule>;
    type View = Plain<schedules.ScheduleView>;
    type Page = Plain<schedules.SchedulePage>;
    expectTypeOf<Answer<Schedules["listSchedules"], 200>>().toEqualTypeOf<Page>();
    expectTypeOf<Answer<Schedules["postSchedule"], 200>>().toEqualTypeOf<Put>();
    expectTypeOf<Answer<Schedules["putSchedule"], 201>>().toEqualTypeOf<Put>();
    expectTypeOf<Answer<Schedules["readSchedule"], 200>>().toEqualTypeOf<View>();
    expectTypeOf<Answer<Schedules["pauseSchedule"], 200>>().toEqualTypeOf<View>();
    expectTypeOf<Answer<Schedules["countSchedules"], 200>>().toEqualTypeOf<
      Plain<schedules.Count>
    >();
    expectTypeOf<Answer<Schedules["previewSchedule"], 200>>().toEqualTypeOf<
      Plain<schedules.Times>
    >();
    expectTypeOf<Answer<Schedules["deleteSchedule"], 200>>().toEqualTypeOf<
      Plain<schedules.ScheduleDeleted>
    >();
    expectTypeOf<Answer<Schedules["isScheduled"], 200>>().toEqualTypeOf<
      Plain<schedules.IsScheduled>
    >();
    expectTypeOf<Answer<Schedules["scheduleHistory"], 200>>().toEqualTypeOf<
      Plain<schedules.History>
    >();
    expectTypeOf<Answer<Schedules["runSchedule"], 202>>().toEqualTypeOf<Plain<schedules.RunMade>>();
  });

  test("of the rest", () => {
    type Health = (typeof healthOperations)["health"];
    type Callback = (typeof resultOperations)["takeResults"];
    type List = (typeof nodeOperations)["listNodes"];
    expectTypeOf<Answer<List, 200>>().toEqualTypeOf<Plain<nodes.Nodes>>();
    expectTypeOf<Answer<Callback, 200>>().toEqualTypeOf<Plain<results.Recorded>>();
    expectTypeOf<Answer<Health, 200>>().toEqualTypeOf<Plain<health.Well>>();
    expectTypeOf<Answer<Health, 503>>().toEqualTypeOf<Plain<health.Unwell>>();
    expectTypeOf<Plain<z.output<typeof problem>>>().toEqualTypeOf<Plain<Problem>>();
  });
});
