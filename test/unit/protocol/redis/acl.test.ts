import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, it } from "vitest";
import { aclCommands, aclKeys, aclRoles, aclRules } from "../../../../protocol/redis/acl.ts";
import { defaultNaming } from "../../../../protocol/redis/keys.ts";

const root = resolve(import.meta.dirname, "../../../..");
const folders = { function: "functions", subscriber: "subscriber" } as const;

/** What no source of ours names as a command: what clients and gateway say by themselves, or by methods. */
const unnamed = {
  function: ["eval", "evalsha", "info", "subscribe"],
  subscriber: ["eval", "evalsha", "subscribe", "unsubscribe", "multi", "discard"],
};

/** Every file whose code runs where that of `folder` does. */
function filesOf(folder: string): readonly string[] {
  const seen = new Set<string>();
  const walk = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    const source = readFileSync(file, "utf8").replaceAll(/import type[^;]*;/g, "");
    for (const [, target = ""] of source.matchAll(/from\s*"(\.[^"]+\.ts)"/g))
      walk(resolve(dirname(file), target));
  };
  for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }))
    if (name.endsWith(".ts")) walk(join(root, folder, name));
  return [...seen];
}

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
    const called = filesOf(folders[role]).flatMap((file) => commandsIn(readFileSync(file, "utf8")));
    t.expect([...aclCommands(role)].sort()).toEqual(
      [...new Set([...called, ...unnamed[role]])].sort(),
    );
  });

  it("a script can be read by the test above: no command is called by a name that is not written there", ({
    expect,
  }) => {
    const calls = filesOf("protocol").flatMap(
      (file) => readFileSync(file, "utf8").match(/redis\.p?call\(\s*[^"\s][^,]*/g) ?? [],
    );
    expect([...new Set(calls)]).toEqual(["redis.call(command"]);
    const helper = filesOf("protocol").flatMap((file) => {
      const source = readFileSync(file, "utf8");
      return source.match(/redis\.call\(command|call_in_chunks\([^,"]*,/g) ?? [];
    });
    // Where it is made; all who call it say what.
    expect(helper).toEqual(["call_in_chunks(command,", "redis.call(command"]);
  });

  it("both take a prefix as it is written", ({ expect }) => {
    const naming = { keyPrefix: "a*b[c]\\", channelPrefix: "x?" };
    expect(aclKeys(naming, "function")[0]).toBe("a\\*b\\[c\\]\\\\:{*}:*");
    expect(aclRules(naming, "subscriber")).toContain("&x\\?CHANNEL_CONTROL");
  });

  it("neither reach what the other alone needs", ({ expect }) => {
    expect(aclKeys(defaultNaming, "function")).not.toContain("signalbox:dead-letters");
    expect(aclKeys(defaultNaming, "subscriber")).not.toContain("signalbox:rate:*");
  });
});
