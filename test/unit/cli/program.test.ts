/** Exit codes, and the commands that need no function: queues from nodes, keys, tokens. */
import { CommanderError } from "commander";
import { describe, it } from "vitest";
import { shownError, UsageError } from "../../../cli/exit.ts";
import { makeToken, rotate } from "../../../cli/keys.ts";
import { queuesOf } from "../../../cli/nodes.ts";
import { SignalboxApiError } from "../../../client/error.ts";
import { authenticate } from "../../../functions/auth/authenticate.ts";
import { readConfig } from "../../../functions/config.ts";
import { SignalboxError } from "../../../protocol/error.ts";
import { importSigningKeys } from "../../../protocol/signing/keys.ts";

describe("the exit code of signalbox", () => {
  it.for([
    [new CommanderError(0, "commander.helpDisplayed", "(outputHelp)"), 0],
    [new CommanderError(1, "commander.unknownCommand", "error: unknown command 'x'"), 2],
    [new UsageError("expected a file"), 2],
    [new SignalboxError("config_invalid", "expected a secret"), 2],
    [new SignalboxApiError("not_found", "expected a job", { status: 404 }), 1],
    [new SignalboxApiError("forbidden", "expected a scope", { status: 403 }), 1],
    [new SignalboxApiError("rate_limited", "expected fewer", { status: 429 }), 1],
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
    const served = (queue: string, busy: number) => ({ queue, slots: 10, busy });
    const node = { slots: 10, busy: 0, connected: true, info: null };
    const nodes = [
      { ...node, name: "1", queues: [served("b", 1), served("a", 2)] },
      { ...node, name: "2", queues: [served("b", 3)] },
      { ...node, name: "3", queues: [served("b", 9), served("c", 0)], connected: false },
    ];
    expect(queuesOf(nodes)).toEqual([
      { queue: "a", nodes: ["1"], slots: 10, busy: 2 },
      { queue: "b", nodes: ["1", "2"], slots: 20, busy: 4 },
    ]);
  });
});

describe("signalbox keys rotate", () => {
  it("refuses a malformed secret, and a second rotation before the first has ended", async ({
    expect,
  }) => {
    const secret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
    await expect(rotate("")).rejects.toThrow(UsageError);
    await expect(rotate("whsec_x")).rejects.toThrow(/^SIGNALBOX_SIGNING_SECRET: expected whsec_/);
    await expect(rotate(`${secret} ${secret}`)).rejects.toThrow("end the rotation under way");
    const { both, turned, next, currentId, nextId } = await rotate(secret);
    expect([both, turned]).toEqual([`${secret} ${next}`, `${next} ${secret}`]);
    expect((await importSigningKeys(both)).map(({ id }) => id)).toEqual([currentId, nextId]);
    expect(await rotate(`mine:${secret}`)).toMatchObject({ currentId: "mine" });
    await expect(rotate("", "SIGNALBOX_ENVELOPE_SECRET")).rejects.toThrow(
      "expected SIGNALBOX_ENVELOPE_SECRET to be set",
    );
    await expect(rotate(next)).resolves.toBeDefined();
  });
});

describe("signalbox keys token", () => {
  const flags = { scopes: ["dispatch", "read"], queues: ["a"], rate: "5/1m" } as const;

  it("makes a token that the function accepts by its digest", async ({ expect }) => {
    const first = await makeToken("shop", { ...flags, expires: "2099-01-01T00:00:00.000Z" }, "[]");
    const made = await makeToken("ops", { scopes: ["manage"] }, JSON.stringify(first.tokens));
    const text = JSON.stringify(made.tokens);
    for (const { token } of [first, made]) expect(text).not.toContain(token);
    const { tokens } = await readConfig({
      UPSTASH_REDIS_REST_URL: "https://redis.test",
      UPSTASH_REDIS_REST_TOKEN: "the-rest-token",
      SIGNALBOX_SIGNING_SECRET: `whsec_${btoa("0123456789abcdef0123456789abcdef")}`,
      SIGNALBOX_TOKENS: text,
    });
    expect(await authenticate(`Bearer ${first.token}`, tokens, 0)).toMatchObject({
      name: "shop",
      scopes: flags.scopes,
      queues: new Set(["a"]),
      expiresMs: Date.UTC(2099, 0, 1),
      rateLimit: { max: 5, windowMs: 60_000 },
    });
    expect(await authenticate(`Bearer ${made.token}`, tokens, 0)).toMatchObject({ name: "ops" });
  });

  it("refuses a malformed or taken name, and a value that is not a list", async ({ expect }) => {
    await expect(makeToken("a b", flags, "[]")).rejects.toThrow(UsageError);
    await expect(makeToken("a", flags, '[{"name":"a"}]')).rejects.toThrow(UsageError);
    await expect(makeToken("a", flags, "shown")).rejects.toThrow(
      /^expected SIGNALBOX_TOKENS to be/,
    );
  });
});
