import { CommanderError } from "commander";
import { describe, it } from "vitest";
import { shownError, UsageError } from "../../cli/exit.ts";
import { rotate } from "../../cli/keys.ts";
import { queuesOf } from "../../cli/nodes.ts";
import { SignalboxApiError } from "../../client/error.ts";
import { SignalboxError } from "../../protocol/error.ts";

describe("the exit code of signalbox", () => {
  it.for([
    [new CommanderError(0, "commander.helpDisplayed", "(outputHelp)"), 0],
    [new CommanderError(1, "commander.unknownCommand", "error: unknown command 'x'"), 2],
    [new UsageError("expected a file"), 2],
    [new SignalboxError("config_invalid", "expected a secret"), 2],
    [new SignalboxApiError("not_found", "expected a job", { status: 404 }), 1],
    [new SignalboxApiError("redis_unavailable", "expected Redis", { status: 503 }), 3],
    [new SignalboxApiError("network_failed", "expected an answer"), 3],
    [new SignalboxApiError("timed_out", "expected an answer"), 3],
    [new TypeError("a bug"), 1],
  ] as const)("of %s is %i", ([error, code], { expect }) => {
    expect(shownError(error).exitCode).toBe(code);
  });
});

describe("signalbox queues", () => {
  it("adds up what connected nodes have, and no others", ({ expect }) => {
    const seat = (queue: string, busy: number) => ({ queue, slots: 10, busy });
    const node = { slots: 10, busy: 0, connected: true, info: null };
    const nodes = [
      { ...node, name: "1", queues: [seat("b", 1), seat("a", 2)] },
      { ...node, name: "2", queues: [seat("b", 3)] },
      { ...node, name: "3", queues: [seat("b", 9), seat("c", 0)], connected: false },
    ];
    expect(queuesOf(nodes)).toEqual([
      { queue: "a", nodes: ["1"], slots: 10, busy: 2 },
      { queue: "b", nodes: ["1", "2"], slots: 20, busy: 4 },
    ]);
  });
});

describe("signalbox keys rotate", () => {
  it("refuses what is no secret, and a second rotation before the first has ended", async ({
    expect,
  }) => {
    const secret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
    await expect(rotate("")).rejects.toThrow(UsageError);
    await expect(rotate("whsec_x")).rejects.toThrow(/^SIGNALBOX_SIGNING_SECRET: expected whsec_/);
    await expect(rotate(`${secret} ${secret}`)).rejects.toThrow("end the rotation under way");
    const { both, next } = await rotate(secret);
    expect(both).toBe(`${secret} ${next}`);
    await expect(rotate(next)).resolves.toBeDefined();
  });
});
