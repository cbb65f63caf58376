/** Signalbox embedded in other programs: mounted in a Hono app, its subscriber in a Node process. */
import { Hono } from "hono";
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import * as z from "zod";
import { createClient } from "../../../client/index.ts";
import { createSignalbox } from "../../../functions/index.ts";
import { defineCatalog, importSigningKeys, sign } from "../../../protocol/index.ts";
import { startSubscriber } from "../../../subscriber/index.ts";
import { startCallback } from "../../support/callback-server.ts";
import { clientToken, signingSecret, type Stack, startStack } from "../../support/http-app.ts";
import { urlAs } from "../../support/redis-users.ts";
import { until } from "../../support/until.ts";

const catalog = defineCatalog({ shout: { payload: z.string(), result: z.string() } });
const handlers = { shout: (text: string) => text.toUpperCase() };

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

const bindings = () => ({
  UPSTASH_REDIS_REST_URL: stack.gateway.url,
  UPSTASH_REDIS_REST_TOKEN: "gateway-token-0123456789",
  SIGNALBOX_TOKEN: clientToken,
  SIGNALBOX_SIGNING_SECRET: signingSecret,
});

const settings = () => ({ REDIS_URL: urlAs(stack.server.url, "subscriber"), SIGNALBOX_NODES: "1" });

describe("mounted in a Hono app", () => {
  test("it takes its paths below the mount, and no others", async ({ expect }) => {
    const { app: routes } = createSignalbox();
    const app = new Hono<{ Bindings: ReturnType<typeof bindings> }>();
    app.route("/jobs/of/:tenant", routes);
    app.get("*", (c) => c.text("the host's"));
    const ask = (path: string, init: RequestInit = {}) => app.request(path, init, bindings());
    expect(await (await ask("/jobs/of/me/healthz")).json()).toEqual({ status: "ok" });
    expect((await ask("/jobs/of/me/v1/nodes")).status).toBe(401);
    for (const path of ["/healthz", "/v1/nodes", "/jobs/of/me/other"])
      expect(await (await ask(path)).text()).toBe("the host's");
    const client = createClient<typeof catalog>({
      url: "http://x/jobs/of/me",
      token: clientToken,
      fetch: async (url, init) => app.request(url, init, bindings()),
    });
    const { id } = await client.dispatch({ name: "shout", payload: "a" });
    expect(await client.get(id)).toMatchObject({ payload: "a", state: "queued" });
  });

  test("it says which bindings are missing, on its own paths", async ({ expect }) => {
    const app = new Hono().route("/", createSignalbox().app);
    const response = await app.request("/healthz", {}, {});
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ code: "config_invalid" });
  });

  test("its hook is given results and bindings, and its schedules are made", async ({ expect }) => {
    const seen: unknown[] = [];
    const { fetch, scheduled } = createSignalbox({
      schedules: [{ id: "daily", cron: "0 0 * * *", name: "shout", payload: "good morning" }],
      onResult: (result, env) => {
        seen.push([result.result, env["MINE"]]);
        return Promise.resolve();
      },
    });
    const env = { ...bindings(), MINE: "my database" };
    const client = createClient({
      url: "http://x",
      token: clientToken,
      fetch: (url, init) => fetch(new Request(url, init), env),
    });
    await client.dispatch({ name: "shout", payload: "a" });
    await scheduled({ scheduledTime: Date.now() }, env);
    expect(await client.schedules.get("daily")).toMatchObject({ source: "declared" });

    await using callback = await startCallback({
      onDeliveries: async (deliveries) => {
        const body = JSON.stringify({ deliveries });
        const keys = await importSigningKeys(signingSecret);
        const headers = await sign(keys, { id: "msg", body, nowMs: Date.now() });
        const init = { method: "POST", body, headers: { ...headers } };
        await fetch(new Request("http://x/v1/results", init), env);
      },
    });
    const running = await startSubscriber({
      catalog,
      handlers,
      env: {
        ...settings(),
        SIGNALBOX_CALLBACK_URL: callback.url,
        SIGNALBOX_SIGNING_SECRET: callback.secret,
      },
    });
    await until(() => seen.length > 0, { or: "the hook was not called" });
    expect(seen).toEqual([["A", "my database"]]);
    await running.stop();
  });
});

describe("a subscriber embedded in another program", () => {
  test("runs jobs once it has resolved, tells its events, and drains", async ({ expect }) => {
    const running = await startSubscriber({ catalog, handlers, env: settings() });
    const ended: string[] = [];
    running.events.on("attempt:ended", ({ state }) => {
      ended.push(state);
    });
    const client = createClient<typeof catalog>({
      url: "http://x",
      token: clientToken,
      fetch: async (url, init) => stack.app.request(new Request(url, init)),
    });
    expect(await client.run({ name: "shout", payload: "hey" })).toBe("HEY");
    expect(ended).toEqual(["succeeded"]);
    expect(await running.stop()).toBe("drained");
  });

  test("names every setting at fault, and handlers that are missing", async ({ expect }) => {
    await expect(startSubscriber({ env: {}, handlers })).rejects.toThrow(
      /REDIS_URL[^]*SIGNALBOX_NODES/,
    );
    const none = {} as typeof handlers;
    await expect(startSubscriber({ catalog, env: settings(), handlers: none })).rejects.toThrow(
      "expected a handler for shout",
    );
  });

  test("is not started with a time-out that no timer can hold", async ({ expect }) => {
    for (const timeoutMs of [2_592_000_000, Infinity, 0, Number.NaN, 1.5]) {
      const timed = { shout: { ...catalog.shout, timeoutMs } };
      const starting = startSubscriber({ catalog: timed, handlers, env: settings() });
      await expect(starting).rejects.toMatchObject({
        code: "config_invalid",
        message: /catalog\["shout"\]\.timeoutMs to be a whole number from 1 to 86400000/,
      });
    }
  });

  test("refuses a Redis that may throw jobs away", async ({ expect }) => {
    await stack.redis.config("SET", "maxmemory-policy", "allkeys-lru");
    await stack.redis.config("SET", "maxmemory", "100mb");
    try {
      await expect(startSubscriber({ catalog, handlers, env: settings() })).rejects.toThrow(
        "expected maxmemory-policy noeviction",
      );
    } finally {
      await stack.redis.config("SET", "maxmemory-policy", "noeviction");
      await stack.redis.config("SET", "maxmemory", "0");
    }
  });
});
