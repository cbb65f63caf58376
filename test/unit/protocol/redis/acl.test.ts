import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, it } from "vitest";
import * as generated from "../../../../protocol/lua/generated.ts";
import { aclCommands, aclKeys, aclRoles, aclRules } from "../../../../protocol/redis/acl.ts";
import { defaultNaming } from "../../../../protocol/redis/keys.ts";

const root = resolve(import.meta.dirname, "../../../..");
const generatedModule = join(root, "protocol/lua/generated.ts");
const folders = { function: "functions", subscriber: "subscriber" } as const;

/** What no source of ours names as a command: what clients and gateway say by themselves, or by methods. */
const unnamed = {
  function: ["eval", "evalsha", "info", "subscribe"],
  subscriber: ["eval", "evalsha", "subscribe", "unsubscribe", "multi", "discard"],
};

/** Every file whose code runs where that of `folder` does, but for the module with the Lua of all scripts. */
function filesOf(folder: string): readonly string[] {
  const seen = new Set<string>();
  const walk = (file: string) => {
    if (seen.has(file) || file === generatedModule) return;
    seen.add(file);
    const source = readFileSync(file, "utf8").replaceAll(/import type[^;]*;/g, "");
    for (const [, target = ""] of source.matchAll(/from\s*"(\.[^"]+\.ts)"/g))
      walk(resolve(dirname(file), target));
  };
  for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }))
    if (name.endsWith(".ts")) walk(join(root, folder, name));
  return [...seen];
}

/** The Lua of the scripts that a source imports. */
function luaOf(source: string): readonly string[] {
  const imports = source.matchAll(/import \{([^}]*)\} from "[^"]*\/lua\/generated\.ts"/g);
  return [...imports].flatMap(([, list = ""]) =>
    list
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => scripts.get(name) ?? `no script is called ${name}`),
  );
}

const scripts = new Map(Object.entries(generated).map(([name, { lua }]) => [name, lua]));

/** The Lua as it is written. */
const luaFiles = readdirSync(join(root, "protocol/lua"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".lua"))
  .map((name) => readFileSync(join(root, "protocol/lua", name), "utf8"));

/** What is a command's name in a call, or one of two: `front and "LPUSH" or "RPUSH"`. */
const names = /"([A-Z]+)"/g;

/** Names of the commands in scripts and in plain calls; of those that have subcommands, with theirs. */
function commandsIn(source: string): readonly string[] {
  const calls = source.matchAll(
    /(?:redis\.p?call\(|command:\s*\[)\s*"([A-Z]+)"(?:\s*,\s*"([A-Z]+)")?/g,
  );
  const chunks = source.matchAll(/call_in_chunks\(([^,]*),/g);
  return [
    ...[...calls].map(([, name = "", action]) =>
      action === undefined ? name : `${name}|${action}`,
    ),
    ...[...chunks].flatMap(([, which = ""]) =>
      [...which.matchAll(names)].map(([, name = ""]) => name),
    ),
  ].map((name) => name.toLowerCase());
}

describe("the rights of", () => {
  it.for(aclRoles)("the %s are the commands that its code calls, and no others", (role, t) => {
    const sources = filesOf(folders[role]).map((file) => readFileSync(file, "utf8"));
    const called = [...sources, ...sources.flatMap(luaOf)].flatMap(commandsIn);
    t.expect([...aclCommands(role)].sort()).toEqual(
      [...new Set([...called, ...unnamed[role]])].sort(),
    );
  });

  it("a script can be read by the test above: no command is called by a name that is not written there", ({
    expect,
  }) => {
    const sources = [...filesOf("protocol").map((file) => readFileSync(file, "utf8")), ...luaFiles];
    const calls = sources.flatMap((source) => source.match(/redis\.p?call\(\s*[^"\s][^,]*/g) ?? []);
    expect([...new Set(calls)]).toEqual(["redis.call(command"]);
    const helper = sources.flatMap(
      (source) => source.match(/redis\.call\(command|call_in_chunks\(\s*[^,"\s][^,"]*,/g) ?? [],
    );
    // Where it is made; all who call it say what.
    expect(helper).toEqual(["call_in_chunks(command,", "redis.call(command"]);
  });

  it("a script counts for who imports it: every script has a file that does", ({ expect }) => {
    const imported = filesOf("protocol").flatMap((file) => luaOf(readFileSync(file, "utf8")));
    expect([...imported].sort()).toEqual([...scripts.values()].sort());
    expect(luaFiles.length).toBeGreaterThan(scripts.size);
  });

  it("both take a prefix as it is written", ({ expect }) => {
    const naming = { keyPrefix: "a*b[c]\\", channelPrefix: "x?" };
    expect(aclKeys(naming, "function")[0]).toBe("a\\*b\\[c\\]\\\\:{*}:*");
    expect(aclRules(naming, "subscriber")).toContain("&x\\?CHANNEL_CONTROL");
  });

  it("begin with what Redis 6.2 needs before patterns of channels", ({ expect }) => {
    for (const role of aclRoles) {
      const rules = aclRules(defaultNaming, role);
      expect(rules.slice(0, 3)).toEqual(["reset", "resetchannels", "on"]);
      expect(rules.filter((rule) => rule === "&*" || rule === "allchannels")).toEqual([]);
    }
  });

  it("have SELECT for a database other than 0 only", ({ expect }) => {
    for (const role of aclRoles) {
      expect(aclRules(defaultNaming, role)).not.toContain("+select");
      for (const db of [1, 3, 15]) expect(aclRules(defaultNaming, role, db)).toContain("+select");
    }
  });

  it("neither reach what only the other needs", ({ expect }) => {
    expect(aclKeys(defaultNaming, "function")).not.toContain("signalbox:dead-letters");
    expect(aclKeys(defaultNaming, "subscriber")).not.toContain("signalbox:rate:*");
  });
});
