import { expect, test } from "vitest";
import { schedules } from "../../../../functions/schedules.ts";
import { declare } from "../../../../functions/schedules/declare.ts";
import type { JobDefinition } from "../../../../protocol/wire/catalog.ts";

interface Jobs {
  readonly [name: string]: JobDefinition<unknown, unknown>;
  readonly resize: JobDefinition<{ width: number }, null>;
}
type Catalog = Pick<Jobs, "resize">;

test("a declared schedule's name and payload are those of the catalogue", () => {
  const times = { id: "s", cron: "@daily" };
  const right = declare<Catalog>([{ ...times, name: "resize", payload: { width: 1 } }]);
  expect(right).toHaveLength(1);
  // @ts-expect-error -- the catalogue has no such job
  declare<Catalog>([{ ...times, name: "shrink", payload: { width: 1 } }]);
  // @ts-expect-error -- the payload is not that of the job
  declare<Catalog>([{ ...times, name: "resize", payload: { width: "1" } }]);
  // @ts-expect-error -- a declared schedule has an id
  declare([{ cron: "@daily", name: "any" }]);
  expect(declare([{ ...times, name: "any" }])).toHaveLength(1);
});

test("the list that is deployed is empty until it is filled", () => {
  expect(schedules).toEqual([]);
});
