/** Publishes repeated, outdated and unreadable messages on every channel. */
import type { Redis } from "ioredis";
import {
  controlChannel,
  defaultNaming,
  dispatchChannel,
  queueKeys,
  resultChannel,
} from "../../protocol/redis/keys.ts";
import { parseRecord, parseResultRecord } from "../../protocol/wire/record.ts";
import type { History } from "./history.ts";
import type { Observer } from "./observer.ts";
import type { Random } from "./random.ts";
import { nodeNames, queueNames } from "./stack.ts";

const naming = defaultNaming;
const results = resultChannel(naming);
const control = controlChannel(naming);

export interface NoiseOptions {
  readonly direct: Redis;
  readonly observer: Observer;
  readonly history: History;
}

interface Delivery {
  readonly queue: string;
  readonly id: string;
  readonly token: string;
  readonly node: string;
}

/** Rebuilds an envelope from the ledger as the scripts write it; null if the job does not exist. */
async function envelopeOf(direct: Redis, { queue, id, token, node }: Delivery) {
  const text = await direct.hget(queueKeys(naming, queue).jobs, id);
  if (text === null) return null;
  const { name, body, attemptsUsed } = parseRecord(text);
  const head = { v: 1, queue, node, token, attempt: attemptsUsed + 1, id, name };
  return JSON.stringify(head).slice(0, -1) + body;
}

/** Publishes an envelope again, with its own token or an older one; and results that have ended before. */
export async function replay(options: NoiseOptions, random: Random): Promise<string> {
  const { direct, observer, history } = options;
  const queue = random.pick(queueNames);
  const keys = queueKeys(naming, queue);
  const members = await direct.zrange(keys.leases, "0", "-1");
  const leases = members.filter((member) => member !== "watch");
  const running = Array.from({ length: Math.min(3, leases.length) }, () => random.pick(leases));
  let sent = 0;
  for (const member of running) {
    const [id = "", token = "", node = ""] = member.split(" ");
    const older = token.replace(/\d+$/, (number) => String(Number(number) - 1));
    const isOlder = random.chance(0.5);
    const at = random.chance(0.8) ? node : random.pick(nodeNames);
    const delivery = { queue, id, token: isOlder ? older : token, node: at };
    const envelope = await envelopeOf(direct, delivery);
    if (envelope === null) continue;
    history.replayed(id);
    sent += await direct.publish(dispatchChannel(naming, at), envelope);
    if (isOlder && random.chance(0.5)) {
      // The way in which a foreign node would end the job.
      await direct.publish(results, envelope);
      sent += 1;
    }
  }
  // An ended job: its delivery and its result again.
  const [, ...ended] = await direct.hrandfield(keys.results, 2, "WITHVALUES").then(firstTwo);
  for (const [id, text] of ended) {
    const { token, node, text: message } = parseResultRecord(text);
    if (node === null) continue;
    const envelope = await envelopeOf(direct, { queue, id, token, node });
    if (envelope === null) continue;
    history.replayed(id);
    await direct.publish(dispatchChannel(naming, node), envelope);
    await direct.publish(results, envelope);
    observer.willPublish(message);
    await direct.publish(results, message);
    sent += 3;
  }
  return `${sent} messages`;
}

/** Pairs of a flat reply, preceded by an empty pair so that the result is never empty. */
function firstTwo(reply: unknown): readonly (readonly [string, string])[] {
  const flat = Array.isArray(reply) ? reply.map(String) : [];
  const pairs: [string, string][] = [["", ""]];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([flat[at] ?? "", flat[at + 1] ?? ""]);
  return pairs;
}

/** Publishes unreadable or false messages on one channel of each kind. */
export async function litter({ direct }: NoiseOptions, random: Random): Promise<string> {
  const node = random.pick(nodeNames);
  const queue = random.pick(queueNames);
  const channel = random.pick([dispatchChannel(naming, node), results, control]);
  const deep = `${"[".repeat(5_000)}${"]".repeat(5_000)}`;
  const kind = random.pick(Object.keys(garbage));
  const made = garbage[kind]?.({ node, queue, deep, draw: random.whole(0, 1e6) }) ?? "";
  const only = kind.startsWith("control") ? control : channel;
  await direct.publish(only, made);
  return `${kind} on ${only}`;
}

interface Draw {
  readonly node: string;
  readonly queue: string;
  readonly deep: string;
  readonly draw: number;
}

const garbage: Readonly<Record<string, (draw: Draw) => string | Buffer>> = {
  empty: () => "",
  "not JSON": () => '{"v":1,',
  "not UTF-8": () => Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0xc3, 0x28]),
  "wrong version": ({ node, queue }) => JSON.stringify({ v: 99, queue, node, id: "x" }),
  "no object": () => "[1,2,null]",
  huge: ({ draw }) => `"${"huge ".repeat(200_000)}${draw}"`,
  deep: ({ deep }) => deep,
  "bare id": ({ draw }) => `unknown-${draw}`,
  "strange fields": ({ node, queue }) =>
    JSON.stringify({ v: 1, queue, node, token: 7, id: {}, name: [], attempt: "one" }),
  "unknown job": ({ node, queue, draw }) =>
    `{"v":1,"queue":"${queue}","node":"${node}","token":"1-0.1","attempt":1,"id":"unknown-${draw}","name":"echo","payload":1}`,
  "unknown handler": ({ node, queue, draw }) =>
    `{"v":1,"queue":"${queue}","node":"${node}","token":"1-0.1","attempt":1,"id":"unknown-${draw}","name":"__proto__","payload":1}`,
  "another's job": ({ queue }) =>
    `{"v":1,"queue":"${queue}","node":"nobody","token":"1-0.1","attempt":1,"id":"unknown","name":"echo"}`,
  "old joined": ({ queue }) => JSON.stringify({ v: 1, queue, joined: "1000" }),
  "joined without sense": ({ queue }) => JSON.stringify({ v: 1, queue, joined: "tomorrow" }),
  rejoin: ({ queue }) => JSON.stringify({ v: 1, queue, rejoin: true }),
  waiting: ({ queue }) => JSON.stringify({ v: 1, queue, waiting: true }),
  "control: due long ago": ({ queue }) => JSON.stringify({ v: 1, queue, dueInMs: -1e300 }),
  "control: due never": ({ queue }) => JSON.stringify({ v: 1, queue, dueInMs: 1e300 }),
  "control: unknown queue": () => JSON.stringify({ v: 1, queue: "nowhere", leaseInMs: 5 }),
  "control: cancel nothing": ({ queue }) => JSON.stringify({ v: 1, queue, cancel: "x y z" }),
};
