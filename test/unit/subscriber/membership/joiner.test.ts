import { describe, test } from "vitest";
import type { Envelope } from "../../../../protocol/wire/messages.ts";
import { leaseMember, type NodeLedger } from "../../../../protocol/ledger/nodes.ts";
import type { Joined } from "../../../../protocol/scripts/join.ts";
import { createAttempts, type Attempt } from "../../../../subscriber/attempt/attempts.ts";
import { createEvents } from "../../../../subscriber/events.ts";
import { createJoiner } from "../../../../subscriber/membership/joiner.ts";
import { createAssignment } from "../../../../subscriber/membership/assignment.ts";
import { until } from "../../../support/until.ts";

const envelope: Envelope = {
  ...{ v: 1, queue: "default", node: "1", token: "1-0.1", attempt: 1, id: "x", name: "echo" },
};

/** A joiner whose ledger answers when it is told to. */
function create() {
  const asked: ((joined: Joined) => void)[] = [];
  const assignment = createAssignment({ node: "1", queue: "default", slots: 1 });
  const attempts = createAttempts();
  const heard: string[] = [];
  const joiner = createJoiner({
    ledger: {
      join: () => new Promise<Joined>((resolve) => asked.push(resolve)),
    } as unknown as NodeLedger,
    assignments: [assignment],
    attempts,
    events: createEvents(() => undefined),
    info: "{}",
    onJoined: () => heard.push("joined"),
    onLost: () => heard.push("lost"),
    onNoListener: () => heard.push("unheard"),
    signal: new AbortController().signal,
  });
  const answer = async (more: { isHeard?: boolean; lost?: number[] } = {}) => {
    await until(() => asked.length > 0, { or: "the ledger to be asked" });
    asked.shift()?.({ kind: "joined", epoch: "1", lost: [], isHeard: true, ...more });
    await new Promise(setImmediate);
  };
  const attempt = (): Attempt => ({
    ...{ envelope, assignment, member: leaseMember(envelope), abort: () => undefined },
    ...{ cause: undefined, renewAt: 0, hasEnded: false },
  });
  return { joiner, assignment, attempts, asked, answer, heard, attempt };
}

describe("a joiner", () => {
  test("remembers what is settled while it asks again: it may be sent again", async ({
    expect,
  }) => {
    const { joiner, attempts, answer, attempt } = create();
    joiner.join();
    await answer();
    attempts.add(attempt());
    joiner.join();
    attempts.remove("default", leaseMember(envelope));
    await answer();
    expect(attempts.has("default", leaseMember(envelope))).toBe(true);
  });

  test("does not join a assignment that has left", ({ expect }) => {
    const { joiner, assignment, asked } = create();
    assignment.phase = "left";
    joiner.join();
    expect(asked).toEqual([]);
  });

  test("asks once more if it is told to while it asks", async ({ expect }) => {
    const { joiner, answer, asked } = create();
    joiner.join();
    joiner.join();
    joiner.join();
    await answer();
    expect(asked).toHaveLength(1);
    await answer();
    expect(asked).toEqual([]);
    joiner.join();
    expect(asked).toHaveLength(1);
  });

  test("takes a assignment back only by what it asked after it was contested", async ({
    expect,
  }) => {
    const { joiner, assignment, answer } = create();
    joiner.join();
    await answer();
    expect(assignment.phase).toBe("live");
    joiner.join();
    assignment.phase = "contested";
    joiner.join();
    await answer();
    expect(assignment.phase).toBe("contested");
    await answer();
    expect(assignment.phase).toBe("live");
  });

  test("tells of what is lost, but for what has ended by itself", async ({ expect }) => {
    const { joiner, attempts, answer, heard, attempt } = create();
    const ended = { ...attempt(), hasEnded: true };
    attempts.add(ended);
    joiner.join();
    await answer({ lost: [0], isHeard: false });
    expect(heard).toEqual(["joined", "unheard"]);
    ended.hasEnded = false;
    joiner.join();
    await answer({ lost: [0] });
    expect(heard).toEqual(["joined", "unheard", "lost"]);
  });
});
