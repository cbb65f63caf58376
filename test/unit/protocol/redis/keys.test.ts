import { describe, expect, test } from "vitest";
import {
  controlChannel,
  deadLettersKey,
  defaultNaming,
  dispatchChannel,
  queueKeys,
  queuesKey,
  resultChannel,
} from "../../../../protocol/redis/keys.ts";

describe("keys", () => {
  test("of one queue share its hash tag and differ from each other", () => {
    const { backlogOf, reportsOf, ...named } = queueKeys(
      { keyPrefix: "p", channelPrefix: "" },
      "q",
    );
    const keys = [...Object.values(named), backlogOf("n"), backlogOf("m"), reportsOf("n")];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.every((key) => key.startsWith("p:{q}:"))).toBe(true);
  });

  test("and channels have the original's names unless told otherwise", () => {
    expect(dispatchChannel(defaultNaming, "1")).toBe("CHANNEL_DISPATCH_1");
    expect(resultChannel(defaultNaming)).toBe("CHANNEL_RESULT");
    const naming = { keyPrefix: "p", channelPrefix: "x_" };
    expect(dispatchChannel(naming, "1")).toBe("x_CHANNEL_DISPATCH_1");
    expect(resultChannel(naming)).toBe("x_CHANNEL_RESULT");
    expect(controlChannel(naming)).toMatch(/^x_/);
    expect([queuesKey(naming), deadLettersKey(naming)]).toEqual(["p:queues", "p:dead-letters"]);
  });
});
