/**
 * The state changes that a subscriber makes for its nodes, in domain words; the counterpart of
 * `ledger.ts`. Each but `report` may be repeated with the same arguments without changing anything more.
 */
import { bind, type LedgerOptions } from "./binding.ts";
import { queueKeys, queuesKey, reportChannel } from "../redis/keys.ts";
import { maxReports, type Report } from "../wire/report.ts";
import { finish, type Finished } from "../scripts/finish.ts";
import { join, type Joined } from "../scripts/join.ts";
import { leave } from "../scripts/leave.ts";
import { renew } from "../scripts/renew.ts";
import { report } from "../scripts/report.ts";

/** One attempt's end. */
export interface Ending {
  readonly id: string;
  readonly token: string;
  readonly node: string;
  /**
   * `released` gives the job back without using up an attempt, `refused` before it was started; `retry` leaves it for
   * another one.
   */
  readonly state: "succeeded" | "failed" | "cancelled" | "released" | "refused" | "retry";
  /** The result message as JSON text; for `retry` the failure; empty if given back. */
  readonly text: string;
  /** For `retry`: how long to wait. */
  readonly delayMs?: number;
}

/** What `finish` should do with the slots of a node; see `scripts/finish.ts`. */
export interface SlotUse {
  readonly node: string;
  readonly mode: "take" | "pass";
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
export function createNodeLedger(options: LedgerOptions) {
  const { redis, naming, timing } = options;
  const { clock, publishing } = bind(options);

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
      const call = join.call({
        keys,
        args: { ...publishing(node.queue), node: name, epoch: node.epoch ?? "-", slots, info },
        moreKeys: [keys.backlogOf(name)],
        list: node.running,
      });
      // A full Redis refuses the first and runs the second. Whoever dispatches to the queue makes it known too.
      const known = redis.send([{ command: ["SADD", queuesKey(naming), node.queue] }]);
      const [, joined] = await Promise.allSettled([known, redis.send([call])]);
      if (joined.status === "rejected") throw joined.reason;
      const [reply] = joined.value;
      return join.parse(reply ?? null);
    },

    /** A node takes no more jobs: first it is `draining`, at last `gone`. */
    async leave(
      queue: string,
      seat: { readonly node: string; readonly epoch: string },
      step: "draining" | "gone",
    ): Promise<void> {
      await redis.send([leave.call({ keys: queueKeys(naming, queue), args: { ...seat, step } })]);
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

    /**
     * Keeps and publishes what the handler of job `id` reported; false if its lease is lost. Repeated, it
     * would be told twice. `keepMs` is how long it can be read.
     */
    async report(queue: string, id: string, what: Report, keepMs: number): Promise<boolean> {
      const keys = queueKeys(naming, queue);
      const call = report.call({
        keys: { leases: keys.leases, reports: keys.reportsOf(id) },
        args: {
          member: leaseMember({ id, ...what }),
          ...{ kept: maxReports, keep_ms: keepMs, clock: clock() },
          channel: reportChannel(naming, queue, id),
          notice: `{"v":1,"queue":"${queue}","id":"${id}","entry":"`,
          report: JSON.stringify(what),
        },
      });
      const [reply] = await redis.send([call]);
      return report.parse(reply ?? null);
    },

    /** Ends up to 1,000 attempts and fetches the next jobs; see `scripts/finish.ts`. */
    async finish(
      queue: string,
      endings: readonly Ending[],
      use: { readonly nodes: readonly SlotUse[]; readonly wasBusy: boolean },
    ): Promise<Finished> {
      const keys = queueKeys(naming, queue);
      const [reply] = await redis.send([
        finish.call({
          keys,
          args: {
            ...publishing(queue),
            was_busy: use.wasBusy ? 1 : 0,
            endings: endings.length,
          },
          moreKeys: use.nodes.flatMap((node) => (node.waiting ? keys.backlogOf(node.node) : [])),
          list: [
            ...endings.flatMap((end) => [
              end.id,
              end.token,
              end.node,
              end.state,
              String(end.delayMs ?? 0),
              end.text,
            ]),
            ...use.nodes.flatMap((node) => [node.node, node.mode, node.waiting ? "1" : "0"]),
          ],
        }),
      ]);
      return finish.parse(reply ?? null);
    },
  };
}
