/** What the build of the .lua files refuses, which Redis would only at the call that comes upon it. */
import { describe, expect, it } from "vitest";
import { assemble } from "../../../../protocol/lua/build/assemble.ts";
import { assembleFiles } from "../../../support/lua-files.ts";

const problems = (files: Readonly<Record<string, string>>) => assembleFiles(files).problems;

const numbered = (count: number, between = " ") =>
  Array.from({ length: count }, (_, at) => `x${at}`).join(between);

describe("the build refuses", () => {
  const clock = "--- @args clock\nlocal function now() return clock end";
  const script = (text: string) => problems({ "a.lua": text });

  it.for<[string, readonly string[], string]>([
    [
      "a key that no head declares",
      script('return redis.call("GET", jobs)'),
      "a.lua:2: jobs is not declared: no local, @keys, @args, @list or @needs gives it",
    ],
    [
      "an argument that a module needs and the script does not declare",
      problems({ "a.lua": "--- @needs clock\nreturn now()", "shared/clock.lua": clock }),
      "a.lua:1: shared/clock.lua uses clock, which @args does not declare",
    ],
    [
      "a key that a module needs and the script does not declare",
      problems({
        "a.lua": "--- @needs b\nreturn f()",
        "shared/b.lua": '--- @keys jobs\nlocal function f() return redis.call("HLEN", jobs) end',
      }),
      "a.lua:1: shared/b.lua uses jobs, which @keys does not declare",
    ],
    [
      "a key that is not used",
      script("--- @keys jobs\nreturn 1"),
      "a.lua:1: jobs is declared and not used",
    ],
    [
      "a list that is not used",
      script("--- @list id\nreturn 1"),
      "a.lua:1: @list is declared and not used",
    ],
    [
      "an argument that a module declares and does not use",
      problems({
        "a.lua": "--- @needs b\n--- @args x\nreturn f() + x",
        "shared/b.lua": "--- @args x\nlocal function f() return 1 end",
      }),
      "shared/b.lua:1: x is declared and not used",
    ],
    [
      "a module that is not there",
      script("--- @needs clock\nreturn 1"),
      "a.lua:1: needs clock, and there is no such module",
    ],
    [
      "a script taken for a module",
      problems({ "a.lua": "--- @needs b\nreturn 1", "b.lua": "return 1" }),
      "a.lua:1: needs b, and there is no such module",
    ],
    [
      "a need that is not used",
      problems({
        "a.lua": "--- @needs b\nreturn 1",
        "c.lua": "--- @needs b\nreturn f()",
        "shared/b.lua": "local function f() return 1 end",
      }),
      "a.lua:1: @needs b and uses none of it",
    ],
    [
      "what another module gives, without needing it",
      problems({
        "a.lua": "--- @needs b\nreturn f() + g()",
        "shared/b.lua": "--- @needs c\nlocal function f() return g() end",
        "shared/c.lua": "local function g() return 1 end",
      }),
      "a.lua:2: g is not declared: no local, @keys, @args, @list or @needs gives it",
    ],
    [
      "modules that need each other",
      problems({
        "a.lua": "--- @needs b\nreturn f()",
        "shared/b.lua": "--- @needs c\nlocal function f() return g() end",
        "shared/c.lua": "--- @needs b\nlocal function g() return f() end",
      }),
      "shared/c.lua:1: needs itself: a → b → c → b",
    ],
    [
      "an unknown tag",
      script("--- @key jobs\nreturn 1"),
      "a.lua:1: @key is unknown; known are @keys, @args, @list, @needs, @early",
    ],
    [
      "a name twice",
      script('--- @keys jobs jobs\nreturn redis.call("HLEN", jobs)'),
      "a.lua:1: @keys names jobs twice",
    ],
    [
      "@early in a module",
      problems({ "shared/b.lua": "--- @early c\nlocal function f() return 1 end" }),
      "shared/b.lua:1: @early is for scripts: they alone know what comes first",
    ],
    [
      "a module that acts without being early",
      problems({
        "a.lua": "--- @needs b\nreturn x",
        "shared/b.lua": 'local x = redis.call("TIME")',
      }),
      "a.lua:1: shared/b.lua does more than to declare: only a module that @early names may",
    ],
    [
      "a function of a module that no script reaches",
      problems({
        "a.lua": "--- @needs b\nreturn f()",
        "shared/b.lua": "local function f() return 1 end\nlocal function g() return 2 end",
      }),
      "shared/b.lua:3: no script reaches g",
    ],
    [
      "a name that two modules declare",
      problems({
        "a.lua": "--- @needs b c\nreturn f() + g()",
        "shared/b.lua": "local x = 1\nlocal function f() return x end",
        "shared/c.lua": "local x = 2\nlocal function g() return x end",
      }),
      "a.lua:1: x is declared by both shared/b.lua and shared/c.lua",
    ],
    [
      "two files of one name",
      problems({ "shared/b.lua": "local x = 1", "steps/b.lua": "local y = 1" }),
      "steps/b.lua:1: the name is taken by shared/b.lua",
    ],
    ["what is no Lua", script("return (1"), "a.lua:0: [2:9] ')' expected near '<eof>'"],
    [
      "a global",
      script("x = 1\nreturn x"),
      "a.lua:2: x is not declared: no local, @keys, @args, @list or @needs gives it",
    ],
    [
      "a global function",
      script("function f() return 1 end\nreturn 1"),
      "a.lua:2: expected a local function",
    ],
    [
      "a name before it is declared",
      script(
        "local function f() return g() end\nlocal function g() return 1 end\nreturn f() + g()",
      ),
      "a.lua:2: g is not declared: no local, @keys, @args, @list or @needs gives it",
    ],
    [
      "a local that hides another",
      script("local x = 1\nfor x = 1, 2 do redis.log(x) end\nreturn x"),
      "a.lua:3: x hides another x",
    ],
    [
      "a parameter that hides an argument",
      script("--- @args id\nlocal function f(id) return id end\nreturn f(id)"),
      "a.lua:2: id hides another id",
    ],
    ["a local that nothing reads", script("local x = 1\nreturn 2"), "a.lua:2: x is never read"],
    [
      "a local that is only written",
      script("local x\nx = 1\nreturn 2"),
      "a.lua:2: x is never read",
    ],
    [
      "a function that nothing calls",
      script("local function f() return 1 end\nreturn 2"),
      "a.lua:2: f is never read",
    ],
    [
      "a parameter that nothing reads",
      script("local function f(a, b) return a end\nreturn f(1, 2)"),
      "a.lua:2: b is never read",
    ],
    [
      "a function of more than 60 lines",
      script(`local function f()\n${"redis.log(1)\n".repeat(60)}end\nreturn f()`),
      "a.lua:2: 62 lines: cut the function into steps",
    ],
    [
      "a body of more than 60 lines",
      script("redis.log(1)\n".repeat(61)),
      "a.lua:1: a body of 61 lines: cut it into steps",
    ],
    [
      "more locals than Lua has room for",
      script(
        Array.from({ length: 201 }, (_, at) => `local x${at} = 1; redis.log(x${at})`).join("\n"),
      ),
      "a.lua:1: 201 locals: Lua allows 200",
    ],
    [
      "a function that takes more from outside than Lua lets it",
      script(
        `--- @args ${numbered(61)}\nlocal function f() return ${numbered(61, " .. ")} end\nreturn f()`,
      ),
      "a.lua:2: a function with 61 names from outside itself",
    ],
  ])("%s", ([, found, expected]) => {
    expect(found).toContain(expected);
  });

  it("a file without a head", () => {
    expect(assemble([{ path: "a.lua", text: "return 1" }]).problems).toEqual([
      "a.lua:1: expected a head of --- lines that say what the file does",
    ]);
  });

  it("nothing that begins with _ for not being read", () => {
    expect(problems({ "a.lua": "for _, x in ipairs({}) do redis.log(x) end\nreturn 1" })).toEqual(
      [],
    );
  });

  it("an undeclared name in every kind of statement", () => {
    const text = `local list = {}
while #list < 3 do list[#list + 1] = unknown1 end
repeat local x = unknown2 until x
do redis.log(unknown3) end
for i = 1, unknown4 do redis.log(i) end
if list[1] then redis.log(unknown5) elseif unknown6 then redis.log({ a = unknown7, [unknown8] = 1 }) else redis.log(unknown9) end
return function() return -unknown10 .. list.a end`;
    expect(problems({ "a.lua": text }).map((each) => /unknown\d+/.exec(each)?.[0])).toEqual(
      Array.from({ length: 10 }, (_, at) => `unknown${at + 1}`),
    );
  });
});
