/** What the Redis users of function and subscribers may not do. All other tests show what they may do. */
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, it } from "vitest";
import { checkRedis } from "../../../cli/doctor-machine.ts";
import { makeUsers } from "../../../cli/keys-acl.ts";
import { aclRoles, aclRules } from "../../../protocol/redis/acl.ts";
import { redisErrorCode } from "../../../protocol/redis/errors.ts";
import { defaultNaming } from "../../../protocol/redis/keys.ts";
import { type RedisServer, startRedisServer } from "../../support/redis-server.ts";
import { urlAs, urlFor } from "../../support/redis-users.ts";

let server: RedisServer;
let admin: Redis;
beforeAll(async () => {
  server = await startRedisServer();
  admin = new Redis(server.url);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

const eval1 = (lua: string, ...keys: string[]) => ["EVAL", lua, String(keys.length), ...keys];

/** Refused to both. */
const refused: readonly (readonly string[])[] = [
  ["FLUSHALL"],
  ["FLUSHDB"],
  ["CONFIG", "GET", "*"],
  ["CONFIG", "SET", "dir", "/tmp"],
  ["KEYS", "*"],
  ["SCAN", "0"],
  ["ACL", "WHOAMI"],
  ["ACL", "LIST"],
  ["ACL", "SETUSER", "evil", "on", "nopass", "~*", "+@all"],
  ["DEL", "signalbox:{default}:jobs"],
  ["RENAME", "signalbox:{default}:jobs", "signalbox:{default}:other"],
  ["DUMP", "signalbox:{default}:jobs"],
  ["MIGRATE", "127.0.0.1", "1", "signalbox:{default}:jobs", "0", "1"],
  ["SELECT", "1"],
  ["SCRIPT", "FLUSH"],
  ["FUNCTION", "FLUSH"],
  ["EXEC"],
  ["MONITOR"],
  ["SHUTDOWN", "NOSAVE"],
  ["REPLICAOF", "127.0.0.1", "1"],
  ["CLIENT", "KILL", "TYPE", "normal"],
  ["CLUSTER", "RESET"],
  ["MODULE", "LIST"],
  ["PUBSUB", "CHANNELS"],
  ["GET", "other"],
  ["HGETALL", "signalbox2:{default}:jobs"],
  ["SET", "signalbox:", "x"],
  ["PUBLISH", "other", "x"],
  ["PUBLISH", "app:CHANNEL_RESULT", "x"],
  ["SUBSCRIBE", "other"],
  ["PSUBSCRIBE", "*"],
  ["PSUBSCRIBE", "CHANNEL_*"],
  eval1("return 1", "other"),
  eval1("return redis.call('GET', 'other')"),
  eval1("return redis.call('GET', KEYS[1])", "other:{default}:jobs"),
  eval1("return redis.call('FLUSHALL')"),
  eval1("return redis.call('KEYS', '*')"),
  eval1("return redis.call('PUBLISH', 'other', 'x')"),
];

/** Refused to one, allowed to the other. */
const apart = {
  function: ["XADD signalbox:dead-letters * a b", "HSETNX signalbox:{default}:jobs a b", "MULTI"],
  subscriber: ["GET signalbox:rate:shop", "SET signalbox:declared x", "INCR signalbox:{default}:a"],
} as const;

describe.for(aclRoles)("the user of the %s", (role) => {
  const call = async ([name = "", ...args]: readonly string[]) => {
    const redis = new Redis(urlAs(server.url, role), { retryStrategy: () => null });
    redis.on("error", () => undefined); // calls fail by themselves
    try {
      return await redis.call(name, ...args);
    } finally {
      redis.disconnect();
    }
  };

  it.for(refused)("may not %s", async (command, { expect }) => {
    const error = await call(command).then(
      () => new Error("it may"),
      (reason: unknown) => reason as Error,
    );
    // The refusal of a script's call has several forms: 6.2, 7.0, 7.2 and later.
    expect([redisErrorCode(error.message), error.message]).toEqual(["NOPERM", error.message]);
  });

  it.for(apart[role])("may not %s, which the other may", async (command, { expect }) => {
    await expect(call(command.split(" "))).rejects.toThrow("NOPERM");
  });

  it("may not come in with another password, or without", async ({ expect }) => {
    for (const password of ["", "wrong"]) {
      const url = new URL(urlAs(server.url, role));
      url.password = password;
      const redis = new Redis(url.href, { retryStrategy: () => null });
      redis.on("error", () => undefined);
      await expect(redis.hget("signalbox:{default}:jobs", "a")).rejects.toThrow();
      redis.disconnect();
    }
  });

  it("takes a prefix as it is written, whatever that would mean in a pattern", async ({
    expect,
  }) => {
    const naming = { keyPrefix: "a*[b]?\\c", channelPrefix: "x?" };
    const redis = new Redis(await urlFor(server.url, role, naming));
    await expect(redis.hget("a*[b]?\\c:{q}:jobs", "a")).resolves.toBeNull();
    await expect(redis.hget("aa[b]?\\c:{q}:jobs", "a")).rejects.toThrow("NOPERM");
    await expect(redis.publish("x?CHANNEL_CONTROL", "")).resolves.toBe(0);
    await expect(redis.publish("xyCHANNEL_CONTROL", "")).rejects.toThrow("NOPERM");
    redis.disconnect();
  });
});

describe("signalbox keys acl", () => {
  it("makes users who come in by the URLs that it prints, with the rights of their prefix", async ({
    expect,
  }) => {
    const made = makeUsers({ REDIS_URL: server.url, SIGNALBOX_KEY_PREFIX: "shop" });
    for (const role of aclRoles) {
      const { name, password, url } = made.users[role];
      const line = made.file.split("\n").find((each) => each.startsWith(`user ${name} `)) ?? "";
      expect(line).toContain(made.rules[role]);
      expect(made.file).not.toContain(password);
      await admin.call("ACL", "SETUSER", ...line.split(" ").slice(1));
      const redis = new Redis(url);
      await expect(redis.hget("shop:{default}:jobs", "a")).resolves.toBeNull();
      await expect(redis.hget("signalbox:{default}:jobs", "a")).rejects.toThrow("NOPERM");
      redis.disconnect();
    }
  });

  it("makes users whose password is replaced without downtime; connections with the old one are closed", async ({
    expect,
  }) => {
    const user = async (...rules: string[]) => {
      await admin.call("ACL", "SETUSER", "exchanged", ...rules);
    };
    const connect = (password: string) => {
      const url = server.url.replace("//", `//exchanged:${password}@`);
      const redis = new Redis(url, { retryStrategy: () => null });
      redis.on("error", () => undefined); // calls fail by themselves
      return redis;
    };
    await user(...aclRules(defaultNaming, "subscriber"), ">old");
    const thief = connect("old");
    await thief.ping();
    await user(">new");
    for (const password of ["old", "new"]) {
      const redis = connect(password);
      await expect(redis.ping()).resolves.toBe("PONG");
      redis.disconnect();
    }
    await user("<old");
    await expect(connect("old").ping()).rejects.toThrow();
    await expect(thief.ping()).resolves.toBe("PONG");
    await admin.call("CLIENT", "KILL", "USER", "exchanged");
    await expect(thief.ping()).rejects.toThrow();
    const redis = connect("new");
    await expect(redis.ping()).resolves.toBe("PONG");
    redis.disconnect();
  });

  it("refuses a prefix that would be another rule", ({ expect }) => {
    expect(() => makeUsers({ SIGNALBOX_KEY_PREFIX: "a ~*" })).toThrow(
      "SIGNALBOX_KEY_PREFIX: expected",
    );
    expect(() => makeUsers({ REDIS_URL: "http://u:secret@host" })).toThrow(/^expected REDIS_URL/);
  });
});

describe("signalbox doctor", () => {
  const rightsOf = async (url: string) =>
    (await checkRedis({ REDIS_URL: url })).filter(({ state }) => state !== "warning");

  it("finds nothing missing of a subscriber's rights, and runs nothing", async ({ expect }) => {
    await admin.flushall();
    await admin.call("ACL", "LOG", "RESET");
    expect(await rightsOf(urlAs(server.url, "subscriber"))).toContainEqual(
      expect.objectContaining({ check: "redis rights", state: "ok" }),
    );
    expect(await rightsOf(server.url)).toContainEqual(
      expect.objectContaining({ check: "redis rights", state: "ok" }),
    );
    expect(await admin.keys("*")).toEqual([]);
    expect(await admin.call("ACL", "LOG")).toEqual([]);
  });

  it.for([
    [["-xadd"], "NOPERM: the user lacks +xadd"],
    [["-pubsub"], "NOPERM: the user lacks +pubsub|numsub"],
    [["-evalsha", "-time"], "NOPERM: the user lacks +time +evalsha"],
    [["-info"], "NOPERM: the user lacks +info"],
    [
      ["resetchannels", "&CHANNEL_RESULT"],
      "&CHANNEL_DISPATCH_* &CHANNEL_CONTROL &CHANNEL_REPORT_*:*",
    ],
    [["resetkeys", "~signalbox:queues"], "~signalbox:{default}:jobs ~signalbox:dead-letters"],
  ] as const)(
    "says what is missing after %j, and what to do",
    async ([rules, text], { expect }) => {
      const password = "lacking-password";
      const all = aclRules(defaultNaming, "subscriber");
      await admin.call("ACL", "SETUSER", "lacking", ...all, ...rules, `>${password}`);
      const url = server.url.replace("//", `//lacking:${password}@`);
      expect(await rightsOf(url)).toEqual([
        expect.objectContaining({
          state: "wrong",
          detail: expect.stringContaining(text) as string,
          fix: expect.stringContaining("signalbox keys acl") as string,
        }),
      ]);
    },
  );

  it("tells a wrong password from a server that is not there", async ({ expect }) => {
    const url = urlAs(server.url, "subscriber").replace("test-password", "planted-password");
    const findings = await checkRedis({ REDIS_URL: url });
    expect(findings).toEqual([
      expect.objectContaining({ check: "redis", state: "wrong", detail: "it refuses: WRONGPASS" }),
    ]);
    expect(JSON.stringify(findings)).not.toContain("planted-password");
  });
});
