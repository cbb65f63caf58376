import type { EventEmitter } from "node:events";
import { beforeEach, describe, test, vi } from "vitest";
import { readConfig } from "../../../../subscriber/config/config.ts";
import { createGuard, type GuardSettings } from "../../../../subscriber/guard/guard.ts";
import { createTableReader } from "../../../../subscriber/guard/table.ts";

/** Stands in for the thread. */
interface FakeThread extends EventEmitter {
  readonly options: { readonly workerData: GuardSettings; readonly env: object };
}

const threads = vi.hoisted(() => ({ created: [] as unknown[], isForbidden: false }));
vi.mock("node:worker_threads", async () => {
  const { EventEmitter: Emitter } = await import("node:events");
  return {
    Worker: class extends Emitter {
      readonly options: unknown;
      constructor(_: URL, options: unknown) {
        super();
        if (threads.isForbidden) throw new Error("Access to this API has been restricted");
        this.options = options;
        threads.created.push(this);
      }
      unref() {
        return this;
      }
      terminate() {
        this.emit("exit", 1);
        return Promise.resolve(1);
      }
    },
  };
});

beforeEach(() => {
  threads.created = [];
  threads.isForbidden = false;
});

function start(nodes = "1:2,gpu:1@render") {
  const lines: string[] = [];
  const config = readConfig({
    REDIS_URL: "redis://127.0.0.1:1",
    SIGNALBOX_NODES: nodes,
    SIGNALBOX_HANDLERS: "given",
  });
  const warn = (fields: object, message: string) => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  const guard = createGuard({ config, log: { warn } });
  const started = guard.start();
  const [thread] = threads.created as FakeThread[];
  return { guard, lines, started, thread };
}

describe("a guard", () => {
  test("that may not start is logged, and can be used and stopped", async ({ expect }) => {
    threads.isForbidden = true;
    const { guard, lines, started } = start();
    await started;
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^no guard for leases: .*restricted/);
    guard.release(guard.watch(0, "a 1-0.1 1", 0, 1));
    guard.beat(250);
    await guard.stop();
  });

  test.for([
    ["crashes", (thread: EventEmitter) => thread.emit("error", new Error("out of memory"))],
    ["ends by itself", (thread: EventEmitter) => thread.emit("exit", 0)],
  ] as const)("that %s is logged, and waited for no longer", async ([, act], { expect }) => {
    const { lines, started, thread } = start();
    if (thread === undefined) throw new Error("expected a thread");
    act(thread);
    await started;
    expect(lines.map((line) => line.split(":")[0])).toEqual(["no guard for leases"]);
  });

  test("has started when its thread says so", async ({ expect }) => {
    const { started, thread, lines } = start();
    thread?.emit("message", { kind: "ready" });
    await started;
    expect(lines).toEqual([]);
  });

  test("whose thread says nothing delays the start by 5 s", async ({ expect }) => {
    vi.useFakeTimers();
    try {
      const { started } = start();
      await vi.advanceTimersByTimeAsync(5_000);
      await started;
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test("that is stopped says nothing, and stops once", async ({ expect }) => {
    const { guard, lines, thread } = start();
    const stopped = guard.stop();
    expect(guard.stop()).toBe(stopped);
    await stopped;
    expect(lines).toEqual([]);
    const { buffer, size } = thread?.options.workerData ?? {};
    if (buffer === undefined || size === undefined) throw new Error("expected settings");
    expect(createTableReader(buffer, size).isStopped()).toBe(true);
  });

  test("knows its assignments, and gives its thread no environment", ({ expect }) => {
    const { guard, thread } = start();
    const known = [
      { node: "1", queue: "default" },
      { node: "gpu", queue: "render" },
      { node: "gpu", queue: "default" },
    ];
    expect(known.map((each) => guard.indexOf(each))).toEqual([0, 1, -1]);
    expect(guard.watch(-1, "a 1-0.1 gpu", 0, 1)).toBe(-1);
    expect(thread?.options.env).toEqual({});
  });

  test("tells which attempts it has ended", ({ expect }) => {
    const { lines, thread } = start();
    thread?.emit("message", { kind: "ended", queue: "render", member: "a 1-0.1 gpu" });
    expect(lines).toEqual([
      "attempt failed at its time-out: the event loop was blocked " +
        '{"code":"event_loop_blocked","queue":"render","id":"a","node":"gpu"}',
    ]);
  });
});
