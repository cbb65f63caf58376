import { EventEmitter } from "node:events";
import { pino } from "pino";
import { describe, test } from "vitest";
import { stopOnSignals } from "../../../subscriber/shutdown.ts";

function create() {
  const told: string[] = [];
  const target = new EventEmitter();
  const stop = stopOnSignals(
    target as NodeJS.Process,
    {
      stop: () => {
        told.push("stop");
        return new Promise(() => undefined);
      },
      abort: () => told.push("abort"),
    },
    pino({ level: "silent" }),
  );
  return { told, target, stop };
}

describe("a signal", () => {
  test("drains; a second one gives the jobs back", ({ expect }) => {
    const { told, target } = create();
    target.emit("SIGTERM");
    expect(told).toEqual(["stop"]);
    target.emit("SIGINT");
    expect(told).toEqual(["stop", "abort"]);
  });

  test("is the first one to a process that drains for another reason", ({ expect }) => {
    const { told, target, stop } = create();
    stop();
    target.emit("SIGTERM");
    expect(told).toEqual(["stop"]);
    target.emit("SIGTERM");
    expect(told).toEqual(["stop", "abort"]);
  });
});
