/** What is said of a connection that fails. */
import { describe, it } from "vitest";
import { readRedisUrl } from "../../../../protocol/redis/address.ts";
import {
  describeConnectFailure,
  explainConnectFailure,
} from "../../../../protocol/redis/connect-failure.ts";

function explain(error: unknown, url = "redis://user:hunter2@host:6390/3") {
  const reading = readRedisUrl(url);
  if ("problem" in reading) throw new Error(reading.problem);
  return explainConnectFailure(error, reading.address);
}

/** As the client throws an error reply to one of its own commands. */
const reply = (message: string, name: string) =>
  Object.assign(new Error(message), { command: { name } });
const system = (code: string) => Object.assign(new Error(""), { code });

describe("a failure to connect", () => {
  it.for([
    [reply("ERR DB index is out of range", "select"), "database 3 cannot be selected", "databases"],
    [reply("ERR invalid DB index", "select"), "database 3", "databases"],
    [reply("ERR value is not an integer or out of range", "SELECT"), "database 3", "databases"],
    [
      reply("NOPERM User x has no permissions to run the 'select' command", "select"),
      "database 3",
      "+select",
    ],
    [
      reply(
        "NOPERM this user has no permissions to run the 'select' command or its subcommand",
        "select",
      ),
      "database 3",
      "+select",
    ],
    [
      reply("ERR SELECT is not allowed in cluster mode", "select"),
      "database 3",
      "take the database out",
    ],
    [reply("ERR unknown command 'select'", "select"), "database 3", ""],
    [
      reply("WRONGPASS invalid username-password pair or user is disabled.", "auth"),
      "WRONGPASS",
      "correct",
    ],
    [reply("NOAUTH Authentication required.", "select"), "NOAUTH", "user:password"],
    [reply("NOAUTH Authentication required.", "info"), "NOAUTH", "user:password"],
    [system("SELF_SIGNED_CERT_IN_CHAIN"), "certificate is not valid", "NODE_EXTRA_CA_CERTS"],
    [system("CERT_HAS_EXPIRED"), "certificate is not valid", ""],
    [system("ERR_TLS_CERT_ALTNAME_INVALID"), "certificate is not valid", ""],
    [system("UNABLE_TO_VERIFY_LEAF_SIGNATURE"), "certificate is not valid", ""],
  ] as const)("is final: %s", ([error, reason, fix], { expect }) => {
    const failure = explain(error);
    expect(failure).toMatchObject({ isFinal: true, address: "redis://host:6390/3" });
    expect(failure.reason).toContain(reason);
    expect(failure.fix).toContain(fix);
  });

  it.for([
    [system("ECONNREFUSED"), "nothing listens there", "start the server"],
    [system("ENOTFOUND"), "name is not known", "host"],
    [system("EAI_AGAIN"), "cannot be looked up", "DNS"],
    [system("ETIMEDOUT"), "does not answer in time", "firewall"],
    [system("ECONNRESET"), "ended the connection", "rediss://"],
    [system("ENOENT"), "no such socket", "path"],
    [system("ERR_SSL_WRONG_VERSION_NUMBER"), "does not speak TLS", "redis://"],
    [reply("LOADING Redis is loading the dataset in memory", "select"), "LOADING", "wait"],
    [reply("MASTERDOWN Link with MASTER is down", "select"), "MASTERDOWN", "wait"],
    [new Error("ERR max number of clients reached"), "too many connections", "maxclients"],
    [new Error("Unknown RESP type 72. Please report this."), "is not Redis", "HTTP"],
    [new Error("something else"), "something else", "check"],
  ] as const)("may pass: %s", ([error, reason, fix], { expect }) => {
    const failure = explain(error);
    expect(failure.isFinal).toBe(false);
    expect(failure.reason).toContain(reason);
    expect(failure.fix).toContain(fix);
  });

  it("is told without user and password", ({ expect }) => {
    const text = describeConnectFailure(explain(reply("ERR DB index is out of range", "select")));
    expect(text).toMatch(/^Redis at redis:\/\/host:6390\/3: database 3/);
    expect(text).not.toMatch(/hunter2|user:/);
  });
});
