/** The handlers of the demonstration against the schemas of the catalogue. */
import { hostname } from "node:os";
import { describe, it } from "vitest";
import { catalog } from "../../../examples/catalog.ts";
import { handlers } from "../../../examples/handlers.ts";
import { busyShare, hostMetrics } from "../../../examples/host-metrics.ts";
import type { RunContext } from "../../../protocol/wire/catalog.ts";

const context: RunContext = {
  id: "1",
  name: "any",
  queue: "default",
  node: "1",
  attempt: 1,
  signal: new AbortController().signal,
  log: {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  },
  progress: () => undefined,
};

describe("the example handlers", () => {
  it("has one handler per entry of the catalogue", ({ expect }) => {
    expect(Object.keys(handlers).sort()).toEqual(Object.keys(catalog).sort());
  });

  it("allows no page to be fetched unless told", async ({ expect }) => {
    const outcome = handlers["page.fetch"]({ url: "http://127.0.0.1/" }, context);
    await expect(outcome).rejects.toMatchObject({ code: "fetch_not_allowed" });
  });
});

describe("echo", () => {
  it.for([null, 1, "7", [1, { a: [] }], { a: { b: null } }])(
    "gives back %j",
    (payload, { expect }) => {
      const { echo } = catalog;
      expect(echo.result.parse(handlers.echo(echo.payload.parse(payload)))).toEqual(payload);
    },
  );

  it("gives back keys that mean something to JavaScript", ({ expect }) => {
    const text = '{"__proto__":{"a":1},"constructor":2}';
    const { echo } = catalog;
    const payload = echo.payload.parse(JSON.parse(text));
    expect(JSON.stringify(echo.result.parse(handlers.echo(payload)))).toBe(text);
  });

  it("gives null for a payload that was left out", ({ expect }) => {
    expect(handlers.echo(catalog.echo.payload.parse(undefined))).toBeNull();
  });
});

describe("host.metrics", () => {
  it("measures this machine, as the catalogue says", async ({ expect }) => {
    const metrics = await hostMetrics({ sampleMs: 10 }, context);
    expect(catalog["host.metrics"].result.parse(metrics)).toEqual(metrics);
    expect(metrics.hostname).toBe(hostname());
    expect(metrics.memory.totalBytes).toBeGreaterThan(metrics.memory.freeBytes);
    expect(metrics.disk.totalBytes).toBeGreaterThan(metrics.disk.freeBytes);
  });

  it("needs no payload", ({ expect }) => {
    const { payload } = catalog["host.metrics"];
    expect(payload.parse(undefined)).toBeNull();
    expect(payload.parse(null)).toBeNull();
    expect(payload.safeParse({ sampleMs: 0 }).success).toBe(false);
    expect(payload.safeParse({ unknown: 1 }).success).toBe(false);
  });

  it("stops sampling when the job is aborted", async ({ expect }) => {
    const outcome = hostMetrics({ sampleMs: 5_000 }, { signal: AbortSignal.abort() });
    await expect(outcome).rejects.toMatchObject({ name: "AbortError" });
  });

  it.for([
    ["half busy", { idle: 100, total: 200 }, { idle: 150, total: 300 }, 0.5],
    ["no time passed", { idle: 100, total: 200 }, { idle: 100, total: 200 }, 0],
    ["idle ran ahead", { idle: 100, total: 200 }, { idle: 220, total: 300 }, 0],
    ["idle ran backwards", { idle: 100, total: 200 }, { idle: 90, total: 300 }, 1],
  ] as const)("takes the share of time not idle: %s", ([, before, after, share], { expect }) => {
    expect(busyShare(before, after)).toBe(share);
  });
});
