/** What a client refuses by itself: values that JSON would change, and time-outs that no timer can hold. */
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { createClient } from "../../../client/index.ts";
import { caught } from "../../support/caught.ts";
import type { catalog } from "../../support/client-catalog.ts";
import { clientToken, type Stack, startStack } from "../../support/http-app.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
beforeEach(() => stack.reset());
afterAll(() => stack.close());

/** A client, and what it has sent. */
function open(timeoutMs = 20_000) {
  const sent: string[] = [];
  const client = createClient<typeof catalog>({
    url: "http://signalbox.test",
    token: clientToken,
    timeoutMs,
    fetch: async (url, init) => {
      sent.push(url);
      return stack.app.request(new Request(url, init));
    },
  });
  return { client, sent };
}

describe("a call", () => {
  test("with a value that JSON would change is refused before anything is sent", async ({
    expect,
  }) => {
    const { client, sent } = open();
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    const cases: [payload: unknown, path: string][] = [
      [Number.NaN, "payload"],
      [{ n: Infinity }, "payload.n"],
      [{ n: 1n }, "payload.n"],
      [loop, "payload.self"],
      [[new Map([[1, 2]])], "payload.0"],
      [{ at: [undefined] }, "payload.at.0"],
      [new Response("x"), "payload"],
    ];
    for (const [payload, path] of cases) {
      const error = await caught(client.dispatch({ name: "greet", payload: payload as string }));
      expect(error).toMatchObject({ code: "invalid_request", status: 0 });
      expect(error.detail).toContain(`${path}: expected what JSON can carry, got `);
    }
    const order = { name: "greet", payload: Number.NaN as never } as const;
    const batch = await caught(client.dispatchBatch([{ name: "greet" }, order]));
    expect(batch.detail).toContain("jobs.1.payload: ");
    const put = await caught(client.schedules.put("s", { ...order, cron: "@daily" }));
    expect(put.detail).toContain("payload: ");
    expect(await caught(client.run(order))).toMatchObject({ code: "invalid_request" });
    expect(await caught(client.dispatch({ name: "greet", delayMs: Number.NaN }))).toMatchObject({
      code: "invalid_request",
    });
    expect(sent).toEqual([]);
    await client.dispatch({ name: "greet", runAt: new Date(Date.now() + 60_000) });
    expect(sent).toHaveLength(1);
  });

  test("with a time-out that is none is refused, not timed out", async ({ expect }) => {
    const { client, sent } = open();
    for (const timeoutMs of [0, -1, Number.NaN, "5000" as never, null as never]) {
      const order = { name: "greet" } as const;
      const error = await caught(client.dispatch(order, { timeoutMs }));
      expect(error).toMatchObject({ code: "invalid_request", status: 0 });
      expect(error.detail).toMatch(/^timeoutMs: expected a number of milliseconds above 0/);
      expect(() => open(timeoutMs)).toThrow("expected timeoutMs: ");
    }
    for (const tries of [0, 1.5, Number.NaN, Infinity])
      expect(() => createClient({ url: "http://x", token: "x", tries })).toThrow("expected tries");
    expect(sent).toEqual([]);
    const { id } = await client.dispatch({ name: "greet" }, { timeoutMs: Infinity });
    for (const timeoutMs of [2_592_000_000, 1e300, 4_000.5])
      expect((await client.get(id, { timeoutMs })).id).toBe(id);
    for (const timeoutMs of [-1, Number.NaN])
      expect((await caught(client.wait(id, { timeoutMs }))).code).toBe("invalid_request");
  });
});
