import { describe, test } from "vitest";
import { createWaiters } from "../../../producer/waiters.ts";
import type { ResultMessage } from "../../../protocol/wire/messages.ts";

function resultOf(id: string, queue: string): ResultMessage {
  return {
    v: 1,
    id,
    name: "echo",
    queue,
    node: "1",
    token: "1-0.1",
    attempt: 1,
    state: "succeeded",
    result: null,
  };
}

/** A table of calls, and those that were resolved. */
function create(...calls: readonly (readonly [id: string, queue: string])[]) {
  const waiters = createWaiters();
  const resolved: string[] = [];
  const all = calls.map(([id, queue], index) => ({
    id,
    queue,
    resolve: () => resolved.push(`${index} ${id}@${queue}`),
  }));
  for (const waiter of all) waiters.add(waiter);
  return { waiters, resolved, all };
}

describe("calls that wait for a job", () => {
  test("are all resolved by its result, and those of its namesake in another queue are not", ({
    expect,
  }) => {
    const { waiters, resolved } = create(["x", "a"], ["x", "b"], ["x", "a"], ["y", "a"]);
    waiters.settle([resultOf("x", "a"), resultOf("unknown", "a")]);
    expect(resolved).toEqual(["0 x@a", "2 x@a"]);
    expect(waiters.jobs().map(({ id, queue }) => `${id}@${queue}`)).toEqual(["x@b", "y@a"]);
    waiters.settle([resultOf("x", "b"), resultOf("y", "a"), resultOf("x", "a")]);
    expect(resolved).toHaveLength(4);
    expect(waiters.isEmpty).toBe(true);
  });

  test("are asked for once for each job, and not once they wait no more", ({ expect }) => {
    const { waiters, all } = create(["x", "a"], ["x", "a"], ["x", "b"]);
    expect(waiters.jobs()).toHaveLength(2);
    for (const waiter of [...all, ...all]) waiters.remove(waiter);
    expect([waiters.jobs(), waiters.isEmpty]).toEqual([[], true]);
  });
});
