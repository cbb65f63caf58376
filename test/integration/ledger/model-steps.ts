/** The steps that the model of the ledger takes. */
import fc from "fast-check";

/** What can happen. Numbers choose among what exists at that point; see `perform`. */
export const nodeNames = ["A", "B", "C"] as const;
const node = fc.constantFrom(...nodeNames);
export const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("dispatch" as const),
      ids: fc.array(fc.nat(25), { minLength: 1, maxLength: 5 }),
      target: fc.constantFrom("-", "-", "A", "B", "foreign"),
      delay: fc.constantFrom(0, 0, 0, 500),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("finish" as const),
      node,
      count: fc.integer({ min: 0, max: 4 }),
      state: fc.constantFrom("succeeded", "succeeded", "failed", "released", "retry"),
      wasBusy: fc.boolean(),
      waiting: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("old" as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("renew" as const), node }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("start" as const),
      node,
      slots: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("rejoin" as const),
      node,
      slots: fc.constantFrom(undefined, 1, 2, 3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("listen" as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("drain" as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), node }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(10, 600, 1_100, 3_100),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("retry-parked" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cancel" as const), id: fc.nat(25) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("repeat" as const) }) },
);
export type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
