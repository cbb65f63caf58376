/** Replies of Redis as JSON, RESP2 and server-sent events. */
import { describe, it } from "vitest";
import { outcomeJson } from "../../../gateway/encoding.ts";
import { formatOf } from "../../../gateway/format.ts";
import type { Reply } from "../../../gateway/redis.ts";
import { outcomeResp2 } from "../../../gateway/resp2.ts";
import { eventOf } from "../../../gateway/subscribe.ts";

const bytes = (text: string) => Buffer.from(text);

describe("a reply as JSON", () => {
  it("writes integers of 64 bits exactly, encoded or not", ({ expect }) => {
    expect(outcomeJson({ reply: "9223372036854775807" }, "text")).toBe(
      '{"result":9223372036854775807}',
    );
    expect(outcomeJson({ reply: ["-1", null] }, "base64")).toBe('{"result":[-1,null]}');
  });

  it("encodes every string but an OK that is the whole result", ({ expect }) => {
    const reply: Reply = [bytes("OK"), [bytes("a"), [bytes("OK")]]];
    expect(outcomeJson({ reply: bytes("OK") }, "base64")).toBe('{"result":"OK"}');
    expect(outcomeJson({ reply }, "base64")).toBe('{"result":["T0s=",["YQ==",["T0s="]]]}');
  });

  it("loses no byte in base64 and replaces what is not UTF-8 otherwise", ({ expect }) => {
    const reply = Buffer.from([0xff, 0x00, 0x41]);
    expect(outcomeJson({ reply }, "base64")).toBe('{"result":"/wBB"}');
    expect(outcomeJson({ reply }, "text")).toBe('{"result":"\ufffd\\u0000A"}');
  });

  it("does not encode errors", ({ expect }) => {
    expect(outcomeJson({ error: 'ERR "no"' }, "base64")).toBe('{"error":"ERR \\"no\\""}');
  });
});

describe("a reply as RESP2", () => {
  const write = (reply: Reply, name = "GET", args: string[] = []) =>
    outcomeResp2({ reply }, { name, args }).toString();

  it("writes each kind of reply", ({ expect }) => {
    expect(write(null)).toBe("$-1\r\n");
    expect(write("42", "INCR")).toBe(":42\r\n");
    expect(write([bytes("é"), ["1", null]], "EVAL")).toBe("*2\r\n$2\r\né\r\n*2\r\n:1\r\n$-1\r\n");
    expect(outcomeResp2({ error: "ERR a\r\nb" }, { name: "GET", args: [] }).toString()).toBe(
      "-ERR a b\r\n",
    );
  });

  it.for([
    ["LPOP", ["l", "2"], null, "*-1\r\n"],
    ["RPOP", ["l", "2"], null, "*-1\r\n"],
    ["LPOP", ["l"], null, "$-1\r\n"],
    ["XREAD", ["STREAMS", "s", "0"], null, "*-1\r\n"],
    ["XREADGROUP", ["GROUP", "g", "c", "STREAMS", "s", ">"], null, "*-1\r\n"],
    ["LMPOP", ["1", "l", "LEFT"], null, "*-1\r\n"],
    ["ZMPOP", ["1", "z", "MIN"], null, "*-1\r\n"],
    ["ZRANK", ["z", "m", "WITHSCORE"], null, "*-1\r\n"],
    ["ZRANK", ["z", "m"], null, "$-1\r\n"],
    ["GEOPOS", ["g", "m"], [null], "*1\r\n*-1\r\n"],
    ["MGET", ["k"], [null], "*1\r\n$-1\r\n"],
  ] as const)("tells a null array from a null string: %s %j", ([name, args, reply, text], t) => {
    t.expect(write(reply as Reply, name, [...args])).toBe(text);
  });

  it("tells a status from a value that reads the same", ({ expect }) => {
    expect(write(bytes("OK"), "SET")).toBe("+OK\r\n");
    expect(write(bytes("OK"), "GET")).toBe("$2\r\nOK\r\n");
    expect(write(bytes("PONG"), "PING")).toBe("+PONG\r\n");
    expect(write(bytes("PONG"), "PING", ["PONG"])).toBe("$4\r\nPONG\r\n");
    expect(write(bytes("string"), "TYPE")).toBe("+string\r\n");
  });
});

describe("the headers that choose a format", () => {
  it("know JSON, base64 and RESP2", ({ expect }) => {
    expect(formatOf({})).toBe("text");
    expect(formatOf({ "upstash-response-format": "json" })).toBe("text");
    expect(formatOf({ "upstash-encoding": "base64" })).toBe("base64");
    expect(formatOf({ "upstash-response-format": "resp2" })).toBe("resp2");
  });

  it("allow no other value and not both", ({ expect }) => {
    const both = { "upstash-response-format": "resp2", "upstash-encoding": "base64" };
    expect(() => formatOf({ "upstash-response-format": "xml" })).toThrow("json or resp2");
    expect(() => formatOf({ "upstash-encoding": "gzip" })).toThrow("must be base64");
    expect(() => formatOf(both)).toThrow("not permitted");
  });
});

describe("an event of a stream", () => {
  it("is one line of comma-separated fields, bytes kept", ({ expect }) => {
    expect(eventOf(["message", "a,b", Buffer.from([0x7b, 0xff, 0x0c])])).toEqual(
      Buffer.concat([bytes("data: message,a,b,{"), Buffer.from([0xff, 0x0c]), bytes("\n\n")]),
    );
  });

  // The standard ends a line at LF, at CR and at both: a payload may not end its event, nor name one.
  it.for([
    ["a\rb", "data: message,c,a\ndata:b\n\n"],
    ["a\r\nb", "data: message,c,a\ndata:b\n\n"],
    ["a\n\rb", "data: message,c,a\ndata:\ndata:b\n\n"],
    ["a\r\rid: 7\r", "data: message,c,a\ndata:\ndata:id: 7\ndata:\n\n"],
    [
      "\revent: forged\rdata: forged",
      "data: message,c,\ndata:event: forged\ndata:data: forged\n\n",
    ],
    ["\r", "data: message,c,\ndata:\n\n"],
  ] as const)("takes each end of a line for one: %j", ([payload, event], { expect }) => {
    expect(eventOf(["message", "c", payload]).toString()).toBe(event);
  });

  it("hides all lines but the first from clients that want a space", ({ expect }) => {
    const event = eventOf(["message", "c", "one\nmessage,c,forged\n two\n"]).toString();
    expect(event).toBe("data: message,c,one\ndata:message,c,forged\ndata:  two\ndata:\n\n");
  });
});
