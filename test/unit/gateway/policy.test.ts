/** The commands that the gateway refuses. */
import { describe, it } from "vitest";
import { refusalOf } from "../../../gateway/policy.ts";

function refusal(line: string): string | undefined {
  const [name = "", ...args] = line.split(" ");
  return refusalOf({ name, args });
}

describe("the gateway's policy", () => {
  it.for([
    "BLPOP k 0",
    "BRPOPLPUSH a b 0",
    "WAIT 1 0",
    "XREAD BLOCK 0 STREAMS s $",
    "XREAD COUNT 2 block 5 STREAMS s $",
    "XREADGROUP GROUP g c COUNT 1 BLOCK 0 STREAMS s >",
  ])("does not let %s hold up the shared connection", (line, { expect }) => {
    expect(refusal(line)).toContain("block the connection");
  });

  it.for([
    "XREAD COUNT 1 STREAMS BLOCK 0",
    "XREADGROUP GROUP BLOCK c STREAMS s >",
    "XREADGROUP GROUP g BLOCK COUNT 1 NOACK STREAMS s >",
    "SCRIPT LOAD x",
    "INFO",
    "PUBLISH c m",
    "PUBSUB NUMSUB c",
    "EVAL return 0",
    "ACL whoami",
    "ACL CAT read",
    "CONFIG GET notify-keyspace-events",
    "CONFIG SET Notify-Keyspace-Events Ex",
  ])("lets %s through", (line, { expect }) => {
    expect(refusal(line)).toBeUndefined();
  });

  it.for(["SELECT 1", "AUTH x", "HELLO 3", "CLIENT REPLY OFF", "SCRIPT DEBUG YES", "RESET"])(
    "does not let %s change the shared connection",
    (line, { expect }) => {
      expect(refusal(line)).toContain("state of the connection");
    },
  );

  it.for([
    "CONFIG SET dir ..",
    "CONFIG GET *",
    "CONFIG GET notify-keyspace-events requirepass",
    "CONFIG SET notify-keyspace-events KEA dir ..",
    "CONFIG REWRITE",
    "CONFIG",
  ])("keeps settings of the server out of reach of %s", (line, { expect }) => {
    expect(refusal(line)).toContain("only notify-keyspace-events");
  });

  it.for([
    "ACL SETUSER default off",
    "ACL DELUSER x",
    "ACL GETUSER default",
    "ACL LIST",
    "ACL",
    "SHUTDOWN",
    "REPLICAOF h 1",
  ])("leaves %s to the operator of the server", (line, { expect }) => {
    expect(refusal(line)).toContain("the operator of the server");
  });

  it("says which path to use instead", ({ expect }) => {
    expect(refusal("MULTI")).toContain("/multi-exec");
    expect(refusal("SUBSCRIBE c")).toContain("/subscribe/");
    expect(refusal("SHUTDOWN")).toMatch(/^ERR Command "SHUTDOWN" is not allowed in REST/);
  });
});
