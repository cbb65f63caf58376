/** Nodes that run nothing: they listen, and keep the jobs they receive until a bench takes them. */
import type { Ending, NodeLedger } from "../protocol/ledger/nodes.ts";
import { defaultNaming, dispatchChannel } from "../protocol/redis/keys.ts";
import { decodeDispatch, type Envelope } from "../protocol/wire/messages.ts";
import { createConnection } from "../subscriber/connection/ioredis.ts";

/** Many nodes on one connection. */
export interface Station extends AsyncDisposable {
  /** Adds the nodes to `queue`. */
  readonly join: (
    queue: string,
    assignments: readonly { readonly node: string; readonly slots: number }[],
  ) => Promise<void>;
  /** Resolves to the jobs received for `queue` since the last call, once there are at least `count`. */
  readonly take: (queue: string, count: number) => Promise<readonly Envelope[]>;
}

/** Connects. No node has joined yet. */
export async function startStation(url: string, ledger: NodeLedger): Promise<Station> {
  const subscription = createConnection(url);
  await subscription.connect();
  const inbox = new Map<string, Envelope[]>();
  let resolveTake: () => void = () => undefined;
  const put = (envelope: Envelope) => {
    const sent = inbox.get(envelope.queue);
    if (sent === undefined) inbox.set(envelope.queue, [envelope]);
    else sent.push(envelope);
  };
  subscription.on("message", (_, text) => {
    const message = decodeDispatch(text);
    if (message.kind === "jobs") message.envelopes.forEach(put);
    resolveTake();
  });
  return {
    async join(queue, assignments) {
      await subscription.subscribe(
        ...assignments.map(({ node }) => dispatchChannel(defaultNaming, node)),
      );
      for (const { node, slots } of assignments) {
        const of = { queue, name: node, slots, epoch: null, info: "{}", running: [] };
        await ledger.join(of);
      }
    },
    async take(queue, count) {
      while ((inbox.get(queue) ?? []).length < count) {
        await new Promise<void>((resolve) => {
          resolveTake = resolve;
        });
      }
      const taken = inbox.get(queue) ?? [];
      inbox.delete(queue);
      return taken;
    },
    [Symbol.asyncDispose]: () => {
      subscription.disconnect();
      return Promise.resolve();
    },
  };
}

/** The ending of an attempt whose result is 1. */
export function succeeded({ id, name, queue, node, token, attempt }: Envelope): Ending {
  const result = { v: 1, id, name, queue, node, token, attempt, state: "succeeded", result: 1 };
  return { id, token, node, state: "succeeded", text: JSON.stringify(result) };
}
