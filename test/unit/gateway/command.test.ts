/** Commands from JSON bodies and from paths. */
import { describe, it } from "vitest";
import { commandFromJson, commandFromParts, commandsFromJson } from "../../../gateway/command.ts";
import { parseTarget } from "../../../gateway/path.ts";

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const texts = (parts: readonly Buffer[]) => parts.map(String);

describe("a command in a JSON body", () => {
  it("takes numbers and booleans as the text they were written as", ({ expect }) => {
    const body = Buffer.from('["set", "k", 9007199254740993, -0.10, 1e3, true, false]');
    expect(commandFromJson(body)).toEqual({
      name: "SET",
      args: ["k", "9007199254740993", "-0.10", "1e3", "true", "false"],
    });
  });

  it("keeps text as it is, with quotes, NUL and characters beyond the BMP", ({ expect }) => {
    const values = ['"q"', "a\0b", "🦊", "", "\r\n"];
    expect(commandFromJson(json(["ECHO", ...values])).args).toEqual(values);
  });

  it.for([
    ["null", ["SET", "k", null], "null args"],
    ["an array", ["SET", "k", ["v"]], "arg type: array"],
    ["an object", ["SET", "k", { v: 1 }], "arg type: object"],
  ])("refuses %s as an argument", ([, command, message], { expect }) => {
    expect(() => commandFromJson(json(command))).toThrow(message);
  });

  it.for([
    ["nothing", "", "empty command"],
    ["an empty array", "[]", "empty command"],
    ["an empty name", '[""]', "empty command"],
    ["an object", '{"set":1}', "expected JSON array"],
    ["a string", '"GET"', "expected JSON array"],
    ["broken JSON", '["GET", "k"', "failed to parse"],
  ])("refuses %s as a command", ([, body = "", message], { expect }) => {
    expect(() => commandFromJson(Buffer.from(body))).toThrow(message);
  });

  it("does not quote a body it cannot read", ({ expect }) => {
    expect(() => commandFromJson(Buffer.from('["AUTH", "hunter2'))).not.toThrow("hunter2");
  });

  it("refuses nesting of any depth", ({ expect }) => {
    const deep = Buffer.from("[".repeat(200_000) + "]".repeat(200_000));
    expect(() => commandFromJson(deep)).toThrow("ERR");
  });

  it("refuses a list of commands that is empty or holds something else", ({ expect }) => {
    expect(() => commandsFromJson(json([]))).toThrow("empty pipeline");
    expect(() => commandsFromJson(json({}))).toThrow("array of commands");
    expect(() => commandsFromJson(json(["GET", "k"]))).toThrow("expected JSON array");
    expect(() => commandsFromJson(json([["GET", "k"], []]))).toThrow("empty command");
  });
});

describe("a command in a path", () => {
  it("splits before it decodes, so that a value may hold a slash", ({ expect }) => {
    expect(texts(parseTarget("/set/a%2Fb/c%20d").segments)).toEqual(["set", "a/b", "c d"]);
  });

  it("decodes bytes that are not UTF-8", ({ expect }) => {
    expect(parseTarget("/get/%ff%00").segments[1]).toEqual(Buffer.from([0xff, 0x00]));
  });

  it("keeps a plus sign in the path and reads it as a space in the query", ({ expect }) => {
    const { segments, query } = parseTarget("/set/a+b?x=c+d");
    expect([...texts(segments), ...texts(query)]).toEqual(["set", "a+b", "x", "c d"]);
  });

  it("takes query parameters in order, a name without a value alone", ({ expect }) => {
    expect(texts(parseTarget("/set/k?EX=100&NX&GET=").query)).toEqual(["EX", "100", "NX", "GET"]);
  });

  it("keeps the token out of the arguments wherever it stands", ({ expect }) => {
    const { query, token } = parseTarget("/set/k?EX=1&_token=s%2Bcret=&NX");
    expect(texts(query)).toEqual(["EX", "1", "NX"]);
    expect(token).toBe("s+cret=");
  });

  it("takes empty arguments in the middle, and ignores one slash at the end", ({ expect }) => {
    expect(texts(parseTarget("/set/k//EX/1").segments)).toEqual(["set", "k", "", "EX", "1"]);
    expect(texts(parseTarget("/ping/").segments)).toEqual(["ping"]);
    expect(parseTarget("/").segments).toEqual([]);
  });

  it("refuses a malformed escape", ({ expect }) => {
    for (const target of ["/get/%", "/get/%4", "/get/%zz", "/get/k?a=%g0"]) {
      expect(() => parseTarget(target)).toThrow("invalid URL escape");
    }
  });

  it("needs a name", ({ expect }) => {
    expect(() => commandFromParts([Buffer.alloc(0), Buffer.from("k")])).toThrow("empty command");
  });
});
