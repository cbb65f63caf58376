import { describe, test } from "vitest";
import { defaultNaming } from "../../../../protocol/redis/keys.ts";
import { createEvents } from "../../../../subscriber/events.ts";
import { createIntake } from "../../../../subscriber/intake/intake.ts";
import { singleServer, type ClusterShare } from "../../../../subscriber/cluster/share.ts";
import { createAssignment } from "../../../../subscriber/membership/assignment.ts";

const channel = "CHANNEL_DISPATCH_1";
const envelope = (id: string) =>
  JSON.stringify({
    ...{ v: 1, queue: "default", node: "1", token: "1-0.1", attempt: 1, id, name: "echo" },
  });
const joinedAs = (epoch: string) => JSON.stringify({ v: 1, queue: "default", joined: epoch });

function create(share: ClusterShare = singleServer) {
  const seat = createAssignment({ node: "1", queue: "default", slots: 1 });
  const ran: string[] = [];
  const refused: string[] = [];
  const unserved: string[] = [];
  const bare: string[] = [];
  const ignore = () => undefined;
  const intake = createIntake({
    ...{ naming: defaultNaming, assignments: [seat], share, events: createEvents(ignore) },
    onEnvelope: ({ id }) => ran.push(id),
    deadLetter: (_channel, _bytes, reason) => refused.push(reason),
    onUnserved: ({ id }) => unserved.push(id),
    onBare: (_node, id) => bare.push(id),
    ...{ onWaiting: ignore, onRejoin: ignore, onCancel: ignore },
    ...{ onDue: ignore, onResults: ignore },
  });
  return {
    ...{ seat, ran, refused, unserved, bare },
    hear: (text: string) => {
      intake.receive(channel, text, Buffer.from(text));
    },
    join: (epoch: string) => {
      seat.epoch = epoch;
      seat.phase = "live";
      intake.joined(seat);
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

  test("is its predecessor's if its own mark has yet to come", ({ expect }) => {
    const { hear, join, ran } = create();
    for (const text of [joinedAs("6"), envelope("before")]) hear(text);
    join("7");
    for (const text of [envelope("late"), joinedAs("7"), envelope("a")]) hear(text);
    expect(ran).toEqual(["a"]);
  });
});

describe("one of several parts, which all hear the same", () => {
  const elsewhere = [{ node: "1", queue: "far", slots: 1 }];
  const of = (queue: string) => envelope("x").replace('"default"', `"${queue}"`);

  test("passes over what another share serves", ({ expect }) => {
    const { hear, join, ran, unserved } = create({ ...singleServer, elsewhere });
    join("7");
    hear(joinedAs("7"));
    for (const text of [of("far"), `[${of("far")},${of("far")}]`, of("other"), envelope("a")])
      hear(text);
    expect([ran, unserved]).toEqual([["a"], ["x"]]);
  });

  test("leaves what belongs to no seat to the home", ({ expect }) => {
    const { hear, join, ran, refused, unserved, bare } = create({ ...singleServer, isHome: false });
    join("7");
    hear(joinedAs("7"));
    for (const text of [of("other"), "42", "{", envelope("a")]) hear(text);
    expect([ran, refused, unserved, bare]).toEqual([["a"], [], [], []]);
  });
});
