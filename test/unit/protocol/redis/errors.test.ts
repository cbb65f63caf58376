/** Codes in the error texts of Redis 6.2 to 8, Valkey, KeyDB and REST APIs. */
import { describe, it } from "vitest";
import { redisErrorCode, redisErrorTraits } from "../../../../protocol/redis/errors.ts";

const readonly = "You can't write against a read only replica.";
const digest = "2fe8b4d2d3bbc7be2a5dd7c9eb8d8c0f8d3f6c01";

describe("the code of an error reply", () => {
  it.for([
    // As a server answers a plain command.
    [`READONLY ${readonly}`, "READONLY"],
    [`-READONLY ${readonly}`, "READONLY"],
    ["LOADING Redis is loading the dataset in memory", "LOADING"],
    [
      "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
      "MASTERDOWN",
    ],
    ["CLUSTERDOWN The cluster is down", "CLUSTERDOWN"],
    ["CLUSTERDOWN Hash slot not served", "CLUSTERDOWN"],
    ["TRYAGAIN Multiple keys request during rehashing of slot", "TRYAGAIN"],
    [
      "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
      "BUSY",
    ],
    ["UNKILLABLE Sorry the script already executed write commands.", "UNKILLABLE"],
    ["OOM command not allowed when used memory > 'maxmemory'.", "OOM"],
    [
      "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist.",
      "MISCONF",
    ],
    ["NOREPLICAS Not enough good replicas to write.", "NOREPLICAS"],
    ["NOSCRIPT No matching script. Please use EVAL.", "NOSCRIPT"],
    ["MOVED 3999 127.0.0.1:6381", "MOVED"],
    ["ASK 3999 127.0.0.1:6381", "ASK"],
    ["NOPERM User shop has no permissions to run the 'select' command", "NOPERM"],
    ["NOPERM this user has no permissions to access one of the keys used as arguments", "NOPERM"],
    ["NOAUTH Authentication required.", "NOAUTH"],
    ["WRONGPASS invalid username-password pair or user is disabled.", "WRONGPASS"],
    // Of a call in a script: Redis 7 and later, Valkey.
    [`READONLY ${readonly} script: ${digest}, on @user_script:1.`, "READONLY"],
    [
      `OOM command not allowed when used memory > 'maxmemory'. script: ${digest}, on @user_script:12.`,
      "OOM",
    ],
    [
      `ERR ACL failure in script: User x has no permissions to run the 'get' command script: ${digest}, on @user_script:1.`,
      "NOPERM",
    ],
    [
      "ERR The user executing the script can't run this command or subcommand script: x, on @user_script:1.",
      "NOPERM",
    ],
    // Of a call in a script: Redis 6.2 and earlier, KeyDB.
    [
      `ERR Error running script (call to f_${digest}): @user_script:1: @user_script: 1: -READONLY ${readonly}`,
      "READONLY",
    ],
    [
      `ERR Error running script (call to f_${digest}): @user_script:7: @user_script: 7: -MISCONF Redis is configured`,
      "MISCONF",
    ],
    [
      `ERR Error running script (call to f_${digest}): @user_script:120: @user_script: 120: -OOM command not allowed`,
      "OOM",
    ],
    [
      `ERR Error running script (call to f_${digest}): @user_script:1: @user_script: 1: -NOPERM The user executing the script can't run this command or subcommand`,
      "NOPERM",
    ],
    [
      `-ERR Error running script (call to f_${digest}): @user_script:3: NOREPLICAS Not enough good replicas to write.`,
      "NOREPLICAS",
    ],
    ["ERR Error running script: @user_script:1: -OOM command not allowed", "OOM"],
    // Of a transaction, and through a REST API.
    [`EXECABORT Transaction discarded because of: READONLY ${readonly}`, "READONLY"],
    ["ERR NOSCRIPT No matching script", "NOSCRIPT"],
  ] as const)("%s", ([text, code], { expect }) => {
    expect(redisErrorCode(text)).toBe(code);
  });

  it.for([
    // What an error quotes: names of keys, arguments, payloads, users.
    "ERR unknown command 'READONLY', with args beginning with: 'a'",
    "ERR unknown command `x`, with args beginning with: `-READONLY `",
    `ERR Error running script (call to f_${digest}): @user_script:1: user_script:1: attempt to compare READONLY with number`,
    `ERR Error running script (call to f_${digest}): @user_script:1: bad payload: -READONLY ${readonly}`,
    `ERR user_script:1: Script attempted to access LOADING script: ${digest}, on @user_script:1.`,
    "ERR syntax error near -READONLY here",
    "WRONGTYPE Operation against a key holding the wrong kind of value: READONLY ",
    "ERR invalid job id 'x: -OOM y'",
    // Codes that begin like another.
    "BUSYGROUP Consumer Group name already exists",
    "BUSYKEY Target key name already exists.",
    "READONLYISH something",
    "OOMX something",
    "EXECABORT Transaction discarded because of previous errors.",
    "ERR DB index is out of range",
    "ERR cannot see: ACL failure in script: x",
    "",
  ])("is none of the table's in: %s", (text, { expect }) => {
    expect(redisErrorCode(text)).toBeNull();
    expect(redisErrorTraits(text)).toEqual({ isTransient: false, needsReconnect: false });
  });
});

describe("what a code means", () => {
  const traits = (code: string) => redisErrorTraits(`${code} words`);

  it("is another server for one that is not, or no longer, the master", ({ expect }) => {
    for (const code of ["READONLY", "MASTERDOWN", "LOADING"]) {
      expect(traits(code)).toEqual({ isTransient: true, needsReconnect: true });
    }
  });

  it("is another try for what passes by itself", ({ expect }) => {
    for (const code of "CLUSTERDOWN TRYAGAIN MOVED ASK BUSY UNKILLABLE OOM MISCONF NOREPLICAS".split(
      " ",
    )) {
      expect(traits(code)).toEqual({ isTransient: true, needsReconnect: false });
    }
  });

  it("is a refusal for everything else", ({ expect }) => {
    for (const code of "NOSCRIPT NOPERM NOAUTH WRONGPASS WRONGTYPE ERR".split(" ")) {
      expect(traits(code)).toEqual({ isTransient: false, needsReconnect: false });
    }
  });
});
