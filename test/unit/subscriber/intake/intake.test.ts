import { pino } from "pino";
import { describe, test } from "vitest";
import { controlChannel, defaultNaming } from "../../../../protocol/redis/keys.ts";
import { createAttempts } from "../../../../subscriber/attempt/attempts.ts";
import { type ClusterShare, singleServer } from "../../../../subscriber/cluster/share.ts";
import { createIntake } from "../../../../subscriber/intake/intake.ts";
import { createAssignment } from "../../../../subscriber/membership/assignment.ts";
import { createInbox } from "../../../../subscriber/membership/inbox.ts";
import { attemptOf, envelopeOf, quietEvents } from "../fakes.ts";

const channel = "CHANNEL_DISPATCH_1";
const envelope = (id: string) => JSON.stringify(envelopeOf(id));
const joinedAs = (epoch: string) => JSON.stringify({ v: 1, queue: "default", joined: epoch });
const saying = (what: "waiting" | "rejoin") =>
  JSON.stringify({ v: 1, queue: "default", [what]: true });

/** An intake of node `1`, and of what it tells the other parts. */
function create(share: ClusterShare = singleServer) {
  const assignment = createAssignment({ node: "1", queue: "default", slots: 1 });
  const attempts = createAttempts();
  const events = quietEvents();
  const ran: string[] = [];
  const refused: string[] = [];
  const unserved: string[] = [];
  const bare: string[] = [];
  const told: string[] = [];
  const finisher = { add: () => undefined, fetch: () => told.push("fetch") };
  const inbox = createInbox(
    { events },
    { executor: { start: ({ id }) => ran.push(id) }, finishers: { of: () => finisher } },
  );
  const context = {
    naming: defaultNaming,
    assignments: [assignment],
    attempts,
    share,
    events,
    log: pino({ level: "silent" }),
    stopping: new AbortController(),
  };
  const intake = createIntake(context, {
    inbox,
    joiner: { join: () => told.push("join") },
    dueTimer: {
      check: (kind, queue, inMs) => told.push(`${kind} ${queue} ${inMs}`),
      checkAll: () => told.push("check all"),
    },
    foreign: {
      receive: (text) => {
        told.push(`result ${text}`);
        return Promise.resolve();
      },
      subscribed: () => told.push("foreign subscribed"),
    },
    bareIds: { add: (_node, id) => bare.push(id) },
    refusals: { allowsBare: () => true, refuseUnserved: ({ id }) => unserved.push(id) },
    deadLetters: { keepUnreadable: (_channel, _bytes, reason) => refused.push(reason) },
  });
  const hear = (text: string, at = channel) => {
    intake.receive(at, text, Buffer.from(text));
  };
  return {
    assignment,
    attempts,
    intake,
    ran,
    refused,
    unserved,
    bare,
    told,
    hear,
    join: (epoch: string) => {
      assignment.epoch = epoch;
      assignment.phase = "live";
      return inbox.open(assignment);
    },
  };
}

describe("what comes before a node's first join is answered", () => {
  test("is run if it follows the node's own mark, for it was sent to it", ({ expect }) => {
    const { hear, join, ran } = create();
    for (const text of [envelope("before"), joinedAs("7"), envelope("a"), envelope("b")])
      hear(text);
    expect(ran).toEqual([]);
    join("7");
    expect(ran).toEqual(["a", "b"]);
    hear(envelope("c"));
    expect(ran).toEqual(["a", "b", "c"]);
  });

  test("was for the predecessor if the node's own mark has yet to come", ({ expect }) => {
    const { hear, join, ran } = create();
    for (const text of [joinedAs("6"), envelope("before")]) hear(text);
    join("7");
    for (const text of [envelope("late"), joinedAs("7"), envelope("a")]) hear(text);
    expect(ran).toEqual(["a"]);
  });

  test("asks for another join if a later process has joined meanwhile", ({ expect }) => {
    const { assignment, hear, join, ran } = create();
    for (const text of [joinedAs("7"), joinedAs("8"), envelope("a")]) hear(text);
    expect(join("7")).toBe(true);
    // The executor starts nothing while the node is contested.
    expect([assignment.phase, ran]).toEqual(["contested", ["a"]]);
  });
});

describe("a message for a node that has joined", () => {
  test("that its own jobs wait has the finisher fetch them", ({ expect }) => {
    const { assignment, hear, join, told } = create();
    join("7");
    hear(joinedAs("7"));
    hear(saying("waiting"));
    expect([assignment.waiting, told]).toEqual([true, ["fetch"]]);
  });

  test("that a lease ended unacknowledged has it join again", ({ expect }) => {
    const { hear, join, told } = create();
    join("7");
    hear(saying("rejoin"));
    expect(told).toEqual([]); // before its own mark: for its predecessor
    hear(joinedAs("7"));
    hear(saying("rejoin"));
    expect(told).toEqual(["join"]);
  });

  test("on the control channel cancels an attempt, or has a queue checked", ({ expect }) => {
    const { attempts, hear, told } = create();
    const causes: string[] = [];
    const attempt = attemptOf(envelopeOf("x"), { abort: (cause) => causes.push(cause) });
    attempts.add(attempt);
    const control = controlChannel(defaultNaming);
    hear(JSON.stringify({ v: 1, queue: "default", cancel: attempt.member }), control);
    hear(JSON.stringify({ v: 1, queue: "default", cancel: "no such attempt" }), control);
    hear(JSON.stringify({ v: 1, queue: "default", dueInMs: 5 }), control);
    expect([causes, told]).toEqual([["cancelled"], ["due default 5"]]);
  });
});

test("a subscription has everything asked for that may have been missed", ({ expect }) => {
  const { intake, told } = create();
  intake.subscribed();
  expect(told).toEqual(["foreign subscribed", "join", "check all"]);
});

describe("one of several subscribers of a process, which all hear the same", () => {
  const elsewhere = [{ node: "1", queue: "far", slots: 1 }];
  const of = (queue: string) => envelope("x").replace('"default"', `"${queue}"`);

  test("passes over what another one serves", ({ expect }) => {
    const { hear, join, ran, unserved } = create({ ...singleServer, elsewhere });
    join("7");
    hear(joinedAs("7"));
    for (const text of [of("far"), `[${of("far")},${of("far")}]`, of("other"), envelope("a")])
      hear(text);
    expect([ran, unserved]).toEqual([["a"], ["x"]]);
  });

  test("leaves what belongs to no assignment to the home", ({ expect }) => {
    const { hear, join, ran, refused, unserved, bare } = create({ ...singleServer, isHome: false });
    join("7");
    hear(joinedAs("7"));
    for (const text of [of("other"), "42", "{", envelope("a")]) hear(text);
    expect([ran, refused, unserved, bare]).toEqual([["a"], [], [], []]);
  });
});
