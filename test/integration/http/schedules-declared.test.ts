import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import {
  declare,
  type DeclaredSchedule,
  syncDeclared,
} from "../../../functions/schedules/declare.ts";
import { defaultTiming } from "../../../protocol/ledger/binding.ts";
import { createScheduleLedger } from "../../../protocol/ledger/schedules.ts";
import { defaultNaming } from "../../../protocol/redis/keys.ts";
import { createJobSigner } from "../../../protocol/signing/job.ts";
import { importSigningKeys } from "../../../protocol/signing/keys.ts";
import { createRedisPort } from "../../../subscriber/connection/ioredis.ts";
import { signingSecret, type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

const hourly = { cron: "0 * * * *", name: "report" };
const ask = (method: string, path: string, body?: unknown) =>
  stack.ask(method, `/v1/schedules${path}`, body);

describe("the deployed list", () => {
  const options = { nonce: "n", max: 50 };
  const put = (list: readonly DeclaredSchedule[]) =>
    syncDeclared(stack.schedules, declare(list), options);
  const a = { id: "a", ...hourly };
  const b = { id: "b", everyMs: 60_000, name: "b", queue: "slow" };

  test("is put in force once, then costs one read", async ({ expect }) => {
    expect(await put([a, b])).toEqual({ put: 2, dropped: 0, refused: [] });
    expect((await ask("GET", "/a")).body).toMatchObject({ source: "declared" });
    stack.sent.length = 0;
    expect(await put([a, b])).toEqual({ put: 0, dropped: 0, refused: [] });
    expect(stack.sent).toHaveLength(1);
  });

  test("makes what is new, changes what is changed, deletes what is gone", async ({ expect }) => {
    await ask("PUT", "/mine", hourly);
    await put([a, b]);
    expect(await put([{ ...a, name: "other" }])).toEqual({ put: 1, dropped: 1, refused: [] });
    expect((await ask("GET", "/a")).body).toMatchObject({ name: "other" });
    expect((await ask("GET", "/b")).status).toBe(404);
    expect(await put([])).toEqual({ put: 0, dropped: 1, refused: [] });
    expect((await ask("GET", "/mine")).status).toBe(200);
  });

  test("leaves alone what was made over HTTP, and is left alone by it", async ({ expect }) => {
    await ask("PUT", "/a", hourly);
    expect(await put([a, b])).toMatchObject({ put: 1, refused: [{ id: "a" }] });
    expect((await ask("GET", "/a")).body).toMatchObject({ source: "http" });
    for (const [method, body] of [["PUT", { ...hourly, queue: "slow" }], ["DELETE"]] as const) {
      expect(await ask(method, "/b", body)).toMatchObject({
        status: 409,
        body: { code: "schedule_declared" },
      });
    }
    expect((await ask("POST", "/b/pause")).status).toBe(200);
    await put([b]);
    expect((await ask("GET", "/a")).status).toBe(200);
  });

  test("that was cut short is done again, and forgets nothing", async ({ expect }) => {
    await put([a]);
    const failing = { ...stack.schedules, delete: () => Promise.reject(new Error("cut")) };
    await expect(syncDeclared(failing, [b], options)).rejects.toThrow("cut");
    await put([]);
    expect((await ask("GET", "/count")).body).toEqual({ count: 0 });
  });

  test("is put in force once more where jobs are signed by another key", async ({ expect }) => {
    await put([a]);
    const keys = await importSigningKeys(`next:${signingSecret}`);
    const schedules = createScheduleLedger({
      redis: createRedisPort(stack.redis),
      naming: defaultNaming,
      timing: defaultTiming,
      signer: createJobSigner(keys),
    });
    expect(await syncDeclared(schedules, [a], options)).toMatchObject({ put: 1 });
    const record = await stack.redis.hget("signalbox:{default}:schedules", "a");
    expect(record).toContain('"signature":{"key":"next"');
    expect(await syncDeclared(schedules, [a], options)).toMatchObject({ put: 0 });
    expect((await ask("GET", "/a")).body).not.toHaveProperty("signature");
  });

  test("with a value that JSON would change is refused when it is declared, and by the tick", async ({
    expect,
  }) => {
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    for (const bad of [Number.NaN, { n: [Infinity] }, 1n, loop, new Map(), [undefined]]) {
      const list = [b, { ...a, payload: bad }];
      const error = { code: "config_invalid", message: /declared schedule 1: payload.*: expected/ };
      expect(() => declare(list)).toThrow(expect.objectContaining({ code: "config_invalid" }));
      await expect(syncDeclared(stack.schedules, list, options)).rejects.toMatchObject(error);
    }
    expect((await ask("GET", "/count")).body).toEqual({ count: 0 });
  });

  test("with a mistake changes nothing, and says which", async ({ expect }) => {
    await put([a]);
    await expect(put([b, { ...a, cron: "x" }])).rejects.toMatchObject({
      code: "config_invalid",
      message: /declared schedule 1: cron/,
    });
    await expect(put([a, a])).rejects.toMatchObject({ code: "config_invalid" });
    expect((await ask("GET", "/count")).body).toEqual({ count: 1 });
  });
});
