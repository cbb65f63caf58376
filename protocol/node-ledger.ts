/**
 * The state changes that a subscriber makes for its nodes, in domain words; the counterpart of
 * `ledger.ts`. Each may be repeated with the same arguments without changing anything more.
 */
import { dispatchChannelPrefix, queueKeys, queuesKey, resultChannel } from "./keys.ts";
import type { LedgerOptions } from "./ledger.ts";
import { finish, type Finished } from "./scripts/finish.ts";
import { join, type Joined } from "./scripts/join.ts";
import { leave } from "./scripts/leave.ts";
import { renew } from "./scripts/renew.ts";

/** One attempt's end. */
export interface Ending {
  readonly id: string;
  readonly token: string;
  readonly node: string;
  /** `released` gives the job back without using up an attempt. */
  readonly state: "succeeded" | "failed" | "cancelled" | "released";
  /** The result message as JSON text; empty if released. */
  readonly text: string;
}

/** What `finish` should do with the slots of a node; see `scripts/finish.ts`. */
export interface SlotUse {
  readonly node: string;
  readonly mode: "take" | "pass" | "keep";
  /** Whether the node was told that jobs of its own wait. */
  readonly waiting: boolean;
}

/** See `createNodeLedger`. */
export type NodeLedger = ReturnType<typeof createNodeLedger>;

/** The lease of one attempt, as the ledger names it. */
export function leaseMember(attempt: {
  readonly id: string;
  readonly token: string;
  readonly node: string;
}): string {
  return `${attempt.id} ${attempt.token} ${attempt.node}`;
}

/** Binds the scripts to a Redis and a naming. */
export function createNodeLedger({ redis, naming, timing, simulatedNow }: LedgerOptions) {
  const clock = () => (simulatedNow === undefined ? "*" : `${Math.floor(simulatedNow())}-*`);
  const placing = (queue: string) => ({
    queue,
    channel: dispatchChannelPrefix(naming),
    unheard_ms: timing.unheardMs,
    foreign_ms: timing.foreignMs,
    clock: clock(),
  });

  return {
    /** A node listens; see `scripts/join.ts`. `running` are lease members. */
    async join(node: {
      readonly queue: string;
      readonly name: string;
      readonly epoch: string | null;
      readonly slots: number;
      readonly info: string;
      readonly running: readonly string[];
    }): Promise<Joined> {
      const keys = queueKeys(naming, node.queue);
      const { name, slots, info } = node;
      const [, reply] = await redis.send([
        { command: ["SADD", queuesKey(naming), node.queue] },
        join.call({
          keys: { ...keys, own_backlog: keys.backlogOf(name) },
          args: { ...placing(node.queue), node: name, epoch: node.epoch ?? "-", slots, info },
          list: node.running,
        }),
      ]);
      return join.parse(reply ?? null);
    },

    /** A node takes no more jobs. */
    async leave(queue: string, node: string, epoch: string): Promise<void> {
      await redis.send([leave.call({ keys: queueKeys(naming, queue), args: { node, epoch } })]);
    },

    /** Extends up to 1,000 leases; answers the positions of those that are lost. */
    async renew(queue: string, members: readonly string[]): Promise<readonly number[]> {
      const [reply] = await redis.send([
        renew.call({
          keys: queueKeys(naming, queue),
          args: { lease_ms: timing.leaseMs, clock: clock() },
          list: members,
        }),
      ]);
      return renew.parse(reply ?? null);
    },

    /** Ends up to 1,000 attempts and fetches the next jobs; see `scripts/finish.ts`. */
    async finish(
      queue: string,
      endings: readonly Ending[],
      use: { readonly nodes: readonly SlotUse[]; readonly hot: boolean },
    ): Promise<Finished> {
      const keys = queueKeys(naming, queue);
      const [reply] = await redis.send([
        finish.call({
          keys,
          args: {
            ...placing(queue),
            results_channel: resultChannel(naming),
            hot: use.hot ? 1 : 0,
            attempts: endings.length,
          },
          moreKeys: use.nodes.flatMap((node) => (node.waiting ? keys.backlogOf(node.node) : [])),
          list: [
            ...endings.flatMap((end) => [end.id, end.token, end.node, end.state, end.text]),
            ...use.nodes.flatMap((node) => [node.node, node.mode, node.waiting ? "1" : "0"]),
          ],
        }),
      ]);
      return finish.parse(reply ?? null);
    },
  };
}
