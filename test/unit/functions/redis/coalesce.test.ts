import { describe, expect, test } from "vitest";
import { coalesceCalls } from "../../../../functions/redis/coalesce.ts";
import { SignalboxError } from "../../../../protocol/error.ts";
import type { Call, RedisPort } from "../../../../protocol/redis/port.ts";

const call = (name: string): Call => ({ command: [name] });

/** Answers each call with its name; refuses requests with `BAD` in them, and is away for those with `AWAY`. */
function create() {
  const requests: string[][] = [];
  const redis: RedisPort = {
    send: (calls) => {
      const names = calls.map((each) => ("command" in each ? each.command[0] : ""));
      requests.push(names);
      if (names.includes("AWAY"))
        return Promise.reject(new SignalboxError("redis_unavailable", "x"));
      if (names.includes("BAD")) return Promise.reject(new SignalboxError("redis_refused", "x"));
      return Promise.resolve(names);
    },
  };
  const coalesced = coalesceCalls(redis);
  const send = (...names: string[]) => coalesced.send(names.map(call));
  return { requests, send };
}

describe("calls that are made at one moment", () => {
  test("go in one request, and each caller gets its own answers", async () => {
    const { requests, send } = create();
    expect(await Promise.all([send("A", "B"), send(), send("C")])).toEqual([["A", "B"], [], ["C"]]);
    expect(requests).toEqual([["A", "B", "C"]]);
  });

  test("go in another request once the first is under way", async () => {
    const { requests, send } = create();
    await send("A");
    await send("B");
    expect(requests).toEqual([["A"], ["B"]]);
  });

  test("fail only for the caller whose call is refused", async () => {
    const { requests, send } = create();
    const [good, bad, other] = await Promise.allSettled([send("A"), send("BAD"), send("C")]);
    expect([good, other]).toMatchObject([{ value: ["A"] }, { value: ["C"] }]);
    expect(bad).toMatchObject({ status: "rejected", reason: { code: "redis_refused" } });
    expect(requests).toEqual([["A", "BAD", "C"], ["A"], ["BAD"], ["C"]]);
  });

  test("fail together where Redis cannot be reached, and are not sent again", async () => {
    const { requests, send } = create();
    const ended = await Promise.allSettled([send("A"), send("AWAY")]);
    expect(ended.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(requests).toHaveLength(1);
  });
});
