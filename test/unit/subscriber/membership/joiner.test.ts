import { describe, test } from "vitest";
import { leaseMember } from "../../../../protocol/ledger/nodes.ts";
import type { Joined } from "../../../../protocol/scripts/join.ts";
import { createAttempts } from "../../../../subscriber/attempt/attempts.ts";
import { noGuard } from "../../../../subscriber/guard/guard.ts";
import { createAssignment } from "../../../../subscriber/membership/assignment.ts";
import { createJoiner } from "../../../../subscriber/membership/joiner.ts";
import { until } from "../../../support/until.ts";
import { attemptOf, envelopeOf, recordedEvents } from "../fakes.ts";

const envelope = envelopeOf("x");

/** A joiner whose ledger answers when it is told to. */
function create() {
  const asked: ((joined: Joined) => void)[] = [];
  const assignment = createAssignment({ node: "1", queue: "default", slots: 1 });
  const attempts = createAttempts();
  const heard: string[] = [];
  const { events, seen: failed } = recordedEvents("redis:failed");
  events.on("attempt:lost", () => heard.push("lost"));
  const context = {
    nodeLedger: { join: () => new Promise<Joined>((resolve) => asked.push(resolve)) },
    assignments: [assignment],
    attempts,
    config: { host: "here" },
    events,
    guard: noGuard,
    stopping: new AbortController(),
  };
  let mustJoinAgain = false;
  const joiner = createJoiner(context, {
    inbox: {
      open: () => {
        heard.push("joined");
        return mustJoinAgain;
      },
    },
    listener: { resubscribe: () => heard.push("not heard") },
  });
  const answer = async (more: { isHeard?: boolean; lost?: number[] } = {}) => {
    await until(() => asked.length > 0, { or: "the ledger to be asked" });
    asked.shift()?.({ kind: "joined", epoch: "1", lost: [], isHeard: true, ...more });
    await new Promise(setImmediate);
  };
  return {
    joiner,
    assignment,
    attempts,
    asked,
    answer,
    heard,
    failed,
    attempt: () => attemptOf(envelope, { assignment }),
    contest: () => {
      mustJoinAgain = true;
    },
  };
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

  test("does not join an assignment that has left", ({ expect }) => {
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

  test("asks once more if a held message says that another has joined", async ({ expect }) => {
    const { joiner, answer, asked, contest } = create();
    contest();
    joiner.join();
    await answer();
    expect(asked).toHaveLength(1);
    await answer();
    expect(asked).toEqual([]);
  });

  test("takes an assignment back only by what it asked after it was contested", async ({
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

  test("tells of what is lost, but not of what has ended by itself", async ({ expect }) => {
    const { joiner, attempts, answer, heard, attempt } = create();
    const ended = { ...attempt(), hasEnded: true };
    attempts.add(ended);
    joiner.join();
    await answer({ lost: [0], isHeard: false });
    expect(heard).toEqual(["joined", "not heard"]);
    ended.hasEnded = false;
    joiner.join();
    await answer({ lost: [0] });
    expect(heard).toEqual(["joined", "not heard", "lost"]);
  });

  test("asks again, and says so, after a reply that names an attempt it does not have", async ({
    expect,
  }) => {
    const { joiner, answer, asked, failed } = create();
    joiner.join();
    await answer({ lost: [0] });
    expect(failed).toMatchObject([{ during: "join", error: { code: "reply_unexpected" } }]);
    await until(() => asked.length > 0, { or: "a second call" });
    await answer();
  });
});
