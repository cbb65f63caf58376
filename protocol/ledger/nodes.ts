/** The ledger as subscribers use it for their nodes: join, leave, renew leases, report, and end attempts. */
import { queueKeys, queuesKey, reportChannel } from "../redis/keys.ts";
import { exactly, itemAt } from "../redis/reply.ts";
import { finish, type Finished } from "../scripts/finish.ts";
import { hold } from "../scripts/hold.ts";
import { join, type Joined } from "../scripts/join.ts";
import { leave } from "../scripts/leave.ts";
import { renew } from "../scripts/renew.ts";
import { report } from "../scripts/report.ts";
import { maxReports, type Report } from "../wire/report.ts";
import { bind, type LedgerOptions } from "./binding.ts";

/** How one attempt ended. */
export interface Ending {
  readonly id: string;
  readonly token: string;
  readonly node: string;
  /**
   * `succeeded`, `failed` and `cancelled` end the job. `retry` leaves it for another attempt. `released` gives the job
   * back without using up an attempt; `refused` does so before the attempt was started.
   */
  readonly state: "succeeded" | "failed" | "cancelled" | "released" | "refused" | "retry";
  /** The result message as JSON text; for `retry` the failure; empty if the job is given back. */
  readonly text: string;
  /** For `retry`: how long to wait before the next attempt, in milliseconds. @default 0 */
  readonly delayMs?: number;
}

/** What `finish` does with the free slots of one node. */
export interface SlotUse {
  readonly node: string;
  /**
   * `take` fetches a job for each free slot. `pass` fetches none: the caller has left the node or no longer owns it, so
   * its freed slots go to the present owner.
   */
  readonly mode: "take" | "pass";
  /** Whether a message told the node that jobs of its own wait. */
  readonly waiting: boolean;
}

/** What `finish` does with the slots of the caller's nodes. */
export interface SlotUses {
  readonly nodes: readonly SlotUse[];
  /**
   * Whether the previous call fetched jobs. Then the script looks into the backlog before it frees slots; else it frees
   * them first. Changes what the call costs, not what it does.
   */
  readonly wasBusy: boolean;
}

/** A node as it joins one queue. */
export interface JoiningNode {
  readonly queue: string;
  readonly name: string;
  /** As the previous join of this process answered; `null` at its first. */
  readonly epoch: string | null;
  readonly slots: number;
  /** What the subscriber says about itself, JSON text. */
  readonly info: string;
  /** Lease members (`leaseMember`) of all attempts that the node runs or whose outcome it has yet to send. */
  readonly running: readonly string[];
}

/**
 * What a subscriber asks of the ledger. Every method is one round trip, except that `join` sends two requests
 * concurrently. Every method but `report` may be repeated with the same arguments without changing anything more.
 * All throw what the port throws, or `reply_unexpected` for an answer of another version.
 */
export interface NodeLedger {
  /**
   * Registers a node that listens, and reconciles what it runs with what is leased to it. Called after every
   * (re)subscription. Jobs that were leased to it but that it does not run are sent to it once more on its channel.
   * Resolves to the epoch and the positions in `running` of the attempts that have lost their lease, or to
   * `superseded` if another subscriber has joined under the name since. Script `join`.
   */
  join(node: JoiningNode): Promise<Joined>;

  /**
   * Takes a node out of service. `draining` sends it no more jobs but keeps its row, so that its attempts may end;
   * `gone` removes the row. Does nothing if another subscriber has joined under the name since (its epoch differs).
   * Script `leave`.
   */
  leave(
    queue: string,
    nodeRow: { readonly node: string; readonly epoch: string },
    step: "draining" | "gone",
  ): Promise<void>;

  /**
   * Extends up to 1,000 leases by `timing.leaseMs` from now. Resolves to the positions (from 0) in `members` of the
   * leases that are lost. A renewed lease marks its attempt as started. Script `renew`.
   */
  renew(queue: string, members: readonly string[]): Promise<readonly number[]>;

  /**
   * Extends the leases of the node's deliveries that were never acknowledged to `timing.unacknowledgedMs` from now: its
   * process lives but cannot read them. Resolves to how many there are; 0 if another subscriber has joined under the
   * name since. Script `hold`.
   */
  hold(queue: string, nodeRow: { readonly node: string; readonly epoch: string }): Promise<number>;

  /**
   * Stores a report of a running attempt of job `id` and publishes that it is there. Resolves to false, and stores
   * nothing, if the attempt has lost its lease. `keepMs` says how long the job's reports can be read from now on.
   * Not repeat-safe: a report sent twice is stored twice. Script `report`.
   */
  report(queue: string, id: string, what: Report, keepMs: number): Promise<boolean>;

  /**
   * Ends up to 1,000 attempts and fetches the next jobs for the slots that are free. Resolves to one verdict for each
   * ending, in their order, and to the envelopes of the next jobs, already leased to the nodes they name. Only the call
   * that removes an attempt's lease stores its outcome: repeated, the verdict is `repeated`, and an attempt that had
   * lost its lease before is `fenced`. Script `finish`.
   */
  finish(queue: string, endings: readonly Ending[], use: SlotUses): Promise<Finished>;
}

/** The lease of one attempt, as the ledger names it. */
export function leaseMember(attempt: {
  readonly id: string;
  readonly token: string;
  readonly node: string;
}): string {
  return `${attempt.id} ${attempt.token} ${attempt.node}`;
}

/** Binds the scripts to a Redis and a naming. */
export function createNodeLedger(options: LedgerOptions): NodeLedger {
  const { redis, naming, timing } = options;
  const { clock, publishing, run } = bind(options);

  return {
    async join(node) {
      const keys = queueKeys(naming, node.queue);
      const { name, slots, info } = node;
      const call = join.call({
        keys,
        args: { ...publishing(node.queue), node: name, epoch: node.epoch ?? "-", slots, info },
        moreKeys: [keys.backlogOf(name)],
        list: node.running,
      });
      // Two requests, because a Redis out of memory refuses the first and still runs the second. Its failure does no
      // harm: a dispatch to the queue adds it to the set of queues as well.
      const known = redis.send([{ command: ["SADD", queuesKey(naming), node.queue] }]);
      const [, joined] = await Promise.allSettled([known, redis.send([call])]);
      if (joined.status === "rejected") throw joined.reason;
      return join.parse(itemAt(joined.value, 0, "a reply"));
    },

    leave: (queue, { node, epoch }, step) => {
      const keys = queueKeys(naming, queue);
      return run(leave.call({ keys, args: { node, epoch, step } }), leave.parse);
    },

    renew: (queue, members) => {
      const call = renew.call({
        keys: queueKeys(naming, queue),
        args: { lease_ms: timing.leaseMs, clock: clock() },
        list: members,
      });
      return run(call, renew.parse);
    },

    hold: (queue, { node, epoch }) => {
      const call = hold.call({
        keys: queueKeys(naming, queue),
        args: { node, epoch, unacknowledged_ms: timing.unacknowledgedMs, clock: clock() },
      });
      return run(call, hold.parse);
    },

    report: (queue, id, what, keepMs) => {
      const keys = queueKeys(naming, queue);
      const call = report.call({
        keys: { leases: keys.leases, reports: keys.reportsOf(id) },
        args: {
          member: leaseMember({ id, token: what.token, node: what.node }),
          kept: maxReports,
          keep_ms: keepMs,
          clock: clock(),
          channel: reportChannel(naming, queue, id),
          notice: `{"v":1,"queue":"${queue}","id":"${id}","entry":"`,
          report: JSON.stringify(what),
        },
      });
      return run(call, report.parse);
    },

    async finish(queue, endings, use) {
      const keys = queueKeys(naming, queue);
      const call = finish.call({
        keys,
        args: {
          ...publishing(queue),
          was_busy: use.wasBusy ? 1 : 0,
          endings: endings.length,
        },
        moreKeys: use.nodes.flatMap((node) => (node.waiting ? keys.backlogOf(node.node) : [])),
        list: [...endings.flatMap(encodeEnding), ...use.nodes.flatMap(encodeSlotUse)],
      });
      const finished = await run(call, finish.parse);
      exactly(finished.verdicts, endings.length, "verdicts");
      return finished;
    },
  };
}

function encodeEnding(ending: Ending): readonly string[] {
  const { id, token, node, state, delayMs = 0, text } = ending;
  return [id, token, node, state, String(delayMs), text];
}

function encodeSlotUse({ node, mode, waiting }: SlotUse): readonly string[] {
  return [node, mode, waiting ? "1" : "0"];
}
