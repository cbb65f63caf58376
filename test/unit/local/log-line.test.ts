/** Lines of the merged log. */
import { stripVTControlCharacters } from "node:util";
import { describe, it } from "vitest";
import { createLogLine, isRoutine, parseLogEntry, readable } from "../../../local/log-line.ts";

const entry = (fields: object): string =>
  JSON.stringify({ level: 30, time: 1_795_491_000_000, pid: 7, hostname: "h", ...fields });

describe("a log line", () => {
  const plain = createLogLine(false);

  it("carries the name of its part", ({ expect }) => {
    expect(plain("redis", "ready")).toBe("[redis]      ready\n");
    expect(plain("subscriber", "ready")).toBe("[subscriber] ready\n");
  });

  it("renders what a logger wrote as JSON", ({ expect }) => {
    expect(plain("gateway", entry({ name: "gateway", msg: "listening", port: 1 }))).toMatch(
      /^\[gateway\] {4}\[\d\d:\d\d:\d\d\] INFO: listening \{"port":1\}\n$/,
    );
  });

  it("prefixes every line of an entry that takes several", ({ expect }) => {
    const err = { type: "Error", message: "no", stack: "Error: no\n    at x" };
    const lines = plain("gateway", entry({ level: 50, msg: "failed", err }))
      .trimEnd()
      .split("\n");
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.every((line) => line.startsWith("[gateway] "))).toBe(true);
  });

  it("leaves alone what only looks like JSON", ({ expect }) => {
    expect(plain("function", "{ not json")).toContain("{ not json");
  });

  it("has colours only where they are seen", ({ expect }) => {
    const coloured = createLogLine(true)("redis", "\u001b[33mready\u001b[0m");
    expect(stripVTControlCharacters(coloured)).toBe("[redis]      ready\n");
    expect(coloured).not.toBe("[redis]      ready\n");
    expect(plain("redis", "\u001b[33mready\u001b[0m")).toBe("[redis]      ready\n");
    expect(readable("\u001b[33mready\u001b[0m")).toBe("ready");
  });

  it("is routine below the level of a warning", ({ expect }) => {
    expect(isRoutine(entry({ level: 30 }))).toBe(true);
    expect(isRoutine(entry({ level: 40 }))).toBe(false);
    expect(isRoutine("anything else")).toBe(false);
  });

  it("gives its fields, if it has any", ({ expect }) => {
    expect(parseLogEntry(entry({ msg: "listening" }))?.["msg"]).toBe("listening");
    expect(parseLogEntry("{ not json")).toBeUndefined();
    expect(parseLogEntry("listening")).toBeUndefined();
  });
});
