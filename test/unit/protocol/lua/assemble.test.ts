/** What the build of the .lua files puts together, and what it leaves out. */
import { describe, expect, it } from "vitest";
import { emit } from "../../../../protocol/lua/build/emit.ts";
import { assembleFiles } from "../../../support/lua-files.ts";

describe("a script", () => {
  it("binds keys and arguments in their order, and says where its list begins", () => {
    const { scripts, problems: none } = assembleFiles({
      "read.lua": `--- Reads.
--- @keys jobs results
--- @args id
--- @list more
return { redis.call("HGET", jobs, id), redis.call("HGET", results, ARGV[first]) }`,
    });
    expect(none).toEqual([]);
    expect(scripts).toEqual([
      {
        name: "read",
        keys: ["jobs", "results"],
        args: ["id"],
        lua: `local jobs, results = unpack(KEYS, 1, 2)
local id = unpack(ARGV, 1, 1)
local first = 2
return { redis.call("HGET", jobs, id), redis.call("HGET", results, ARGV[first]) }`,
      },
    ]);
  });

  it("gets what it reaches of its modules and of theirs, without comments and indentation", () => {
    const { scripts } = assembleFiles({
      "a.lua": "--- A.\n--- @needs b\nlocal x = twice(2) -- here\n\n-- there\nreturn x",
      "unrelated.lua": "--- @needs b\nreturn never_in_a()",
      "shared/b.lua":
        "--- @needs c\nlocal function twice(n)\n  -- a comment\n  return double(n)\nend\nlocal function never_in_a() return 1 end",
      "shared/c.lua": "local function double(n) return n * 2 end",
    });
    expect(scripts.map(({ name }) => name)).toEqual(["a", "unrelated"]);
    expect(scripts[0]?.lua).toBe(
      "local function double(n) return n * 2 end\nlocal function twice(n)\nreturn double(n)\nend\nlocal x = twice(2)\nreturn x",
    );
  });

  it("keeps state that what it reaches writes, and -- in a string", () => {
    const { scripts } = assembleFiles({
      "a.lua": '--- @needs b\nset(1)\nreturn "-- no comment"',
      "shared/b.lua": "local state = 0\nlocal function set(n) state = n end",
    });
    expect(scripts[0]?.lua).toBe(
      'local state = 0\nlocal function set(n) state = n end\nset(1)\nreturn "-- no comment"',
    );
  });

  it("begins with its early module and no more than that needs", () => {
    const { scripts, problems: none } = assembleFiles({
      "a.lua": "--- @early short\n--- @needs b\nreturn general()",
      "steps/short.lua": '--- @needs b\nif cheap() then return "short" end',
      "shared/b.lua":
        "local function general() return 1 end\nlocal function cheap() return false end",
    });
    expect(none).toEqual([]);
    expect(scripts[0]?.lua.split("\n")).toEqual([
      "local function cheap() return false end",
      'if cheap() then return "short" end',
      "local function general() return 1 end",
      "return general()",
    ]);
  });

  it("with many functions has them in one, which makes them faster", () => {
    const functions = Array.from(
      { length: 10 },
      (_, at) => `local function f${at}() return ${at} end`,
    );
    const calls = functions.map((_, at) => `f${at}()`).join(" + ");
    const { scripts } = assembleFiles({
      "a.lua": `--- A.\n--- @args x\n${functions.join("\n")}\nreturn x + ${calls}`,
    });
    expect(scripts[0]?.lua.split("\n")).toEqual([
      "local x = unpack(ARGV, 1, 1)",
      "local function path()",
      ...functions,
      `return x + ${calls}`,
      "end",
      "return path()",
    ]);
  });

  it("has short paths one after the other, each with what it needs and those before it did not", () => {
    const functions = Array.from(
      { length: 10 },
      (_, at) => `local function f${at}() return ${at} end`,
    );
    const calls = functions.map((_, at) => `f${at}()`).join(" + ");
    const { scripts, problems } = assembleFiles({
      "a.lua": "--- @early one two\n--- @needs b\nreturn late()",
      "steps/one.lua": "--- @needs b\nif cheap() then return 1 end",
      "steps/two.lua": `--- @needs c\nif ${calls} == 0 then return 2 end`,
      "shared/b.lua": "local function late() return 3 end\nlocal function cheap() return false end",
      "shared/c.lua": functions.join("\n"),
    });
    expect(problems).toEqual([]);
    expect(scripts[0]?.lua.split("\n")).toEqual([
      "local function cheap() return false end",
      "if cheap() then return 1 end",
      "local function path_1()",
      ...functions,
      `if ${calls} == 0 then return 2 end`,
      "local function late() return 3 end",
      "return late()",
      "end",
      "return path_1()",
    ]);
  });

  it("is written as a constant whose text is the Lua, to the letter", () => {
    const lua = 'return "a\\n`${b}`"';
    const text = emit([{ name: "list-jobs", keys: ["jobs"], args: [], lua }]);
    expect(text).toContain('export const listJobsLua: ScriptSource<"jobs", never> = {');
    expect(text).toContain('lua: `return "a\\\\n\\`\\${b}\\`"`');
  });
});
