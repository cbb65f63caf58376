/** URLs of Redis: what each means, and which are refused. */
import { describe, it } from "vitest";
import {
  readRedisUrl,
  redisClientOptions,
  showRedisAddress,
} from "../../../../protocol/redis/address.ts";

function addressOf(url: string) {
  const reading = readRedisUrl(url);
  if ("address" in reading) return reading.address;
  throw new Error(reading.problem);
}

const problemOf = (url: string) => {
  const reading = readRedisUrl(url);
  return "problem" in reading ? reading.problem : "none";
};

describe("a URL of Redis", () => {
  it.for([
    ["redis://h", { host: "h", port: 6379, db: 0 }, "redis://h:6379"],
    ["redis://h:7000/3", { host: "h", port: 7000, db: 3 }, "redis://h:7000/3"],
    ["redis://h/", { host: "h", db: 0 }, "redis://h:6379"],
    ["redis://h?db=15", { db: 15 }, "redis://h:6379/15"],
    ["redis://h/2?db=2&family=6", { db: 2, family: 6 }, "redis://h:6379/2"],
    ["redis://u:p%40%23@h/1", { username: "u", password: "p@#", db: 1 }, "redis://h:6379/1"],
    ["redis://:p@h", { password: "p" }, "redis://h:6379"],
    ["redis://[::1]:6380/4", { host: "::1", port: 6380, db: 4 }, "redis://[::1]:6380/4"],
    ["rediss://h/1", { tls: {}, db: 1 }, "rediss://h:6379/1"],
    ["REDIS://h", { host: "h" }, "redis://h:6379"],
    [
      "valkey://u:p@h:1/2",
      { host: "h", port: 1, username: "u", password: "p", db: 2 },
      "redis://h:1/2",
    ],
    ["valkeys://h", { host: "h", tls: {} }, "rediss://h:6379"],
    ["unix:///run/redis.sock", { path: "/run/redis.sock", db: 0 }, "unix:///run/redis.sock"],
    [
      "unix:///run/redis.sock?db=5",
      { path: "/run/redis.sock", db: 5 },
      "unix:///run/redis.sock?db=5",
    ],
    ["redis+unix:///run/a%20b.sock", { path: "/run/a b.sock" }, "unix:///run/a b.sock"],
    [
      "unix://u:p@localhost/r.sock",
      { path: "/r.sock", username: "u", password: "p" },
      "unix:///r.sock",
    ],
  ] as const)("%s", ([url, options, shown], { expect }) => {
    expect(redisClientOptions(addressOf(url))).toMatchObject(options);
    expect(showRedisAddress(addressOf(url))).toBe(shown);
  });

  it.for([
    "redis://h/abc",
    "redis://h/-1",
    "redis://h/1.5",
    "redis://h/3/4",
    "redis://h/0x3",
    "redis://h/1e1",
    "redis://h/%33",
    "redis://h/ 3",
    "redis://h/99999999999",
    "redis://h/2147483648",
    "redis://h//",
    "redis://h?db=",
    "redis://h?db=x",
    "unix:///r.sock?db=-1",
  ])("is refused for its database: %s", (url, { expect }) => {
    expect(problemOf(url)).toContain("number of a database");
  });

  it.for([
    ["redis://h/1?db=2", "one database"],
    ["redis://h?db=1&db=2", "one database"],
    ["redis+sentinel://h:26379/mymaster", "Sentinel, which is not supported"],
    ["sentinel://h", "Sentinel"],
    ["redis-sentinel://a:1,b:2/0#mymaster", "Sentinel"],
    ["rediss+sentinel://h", "Sentinel"],
    ["valkey+sentinel://h", "Sentinel"],
    ["redis://a:1,b:2/0", "one address only"],
    ["redis://a,b/0", "one address"],
    ["redis://h#x", "no #"],
    ["redis://:pa#ss@h", "%XX"],
    ["redis://h?keyPrefix=x", "got keyPrefix"],
    ["redis://h?sentinels=x", "got sentinels"],
    ["redis://h?family=5", "family"],
    ["redis://u:%zz@h", "escape"],
    ["unix://", "absolute path"],
    ["unix://run/redis.sock", "absolute path"],
    ["redis:6379", "redis://127.0.0.1:6379"],
    ["http://h", "redis://127.0.0.1:6379"],
    ["127.0.0.1:6379", "redis://127.0.0.1:6379"],
    ["/run/redis.sock", "unix:///"],
    ["", "redis://127.0.0.1:6379"],
  ] as const)("is refused: %s", ([url, text], { expect }) => {
    expect(problemOf(url)).toContain(text);
  });

  it("is never quoted: it may hold a secret", ({ expect }) => {
    for (const url of [
      "redis://u:hunter2@h/abc",
      "redis://u:hunter2@h?password=hunter2",
      "redis+sentinel://u:hunter2@h",
      "http://u:hunter2@h",
      "redis://u:hunter2%@h",
      "redis://u:hunter2@a,b",
    ]) {
      expect(problemOf(url)).not.toMatch(/hunter2|none/);
    }
    expect(showRedisAddress(addressOf("redis://u:hunter2@h"))).not.toContain("u:");
  });
});
