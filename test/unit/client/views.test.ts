/** The client writes down again what the function answers, since neither may import the other: the same, or no build. */
import { test } from "vitest";
import type * as client from "../../../protocol/api/jobs.ts";
import type * as job from "../../../functions/jobs/view.ts";
import type { NodeView } from "../../../functions/nodes/routes.ts";

type Same<A, B> = [A, B] extends [B, A] ? true : never;

const same: readonly true[] = [
  true satisfies Same<client.JobLine, job.JobLine>,
  true satisfies Same<client.FailedLine, job.FailedLine>,
  true satisfies Same<keyof client.JobView, keyof job.JobView>,
  true satisfies Same<
    Omit<client.JobView, "payload" | "result">,
    Omit<job.JobView, "payload" | "result">
  >,
  true satisfies Same<Omit<client.Receipt, "name">, job.Receipt>,
  true satisfies Same<client.NodeView, NodeView>,
];

test("what the client gives on has the types of what the function answers", ({ expect }) => {
  expect(same).toHaveLength(6);
});
