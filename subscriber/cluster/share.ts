/**
 * Which part of a process's work is one subscriber's. Where Redis is one server a process has one subscriber, which does
 * everything. In a Cluster it has one at each master that it needs, and they divide the work; see `subscribers.ts`.
 */
import type { AssignmentConfig } from "../config/nodes.ts";
import type { SlotOwner } from "../connection/slot-owner.ts";

/** The share of one subscriber. */
export interface ClusterShare {
  /** The assignments that the process's other subscribers serve. */
  readonly elsewhere: readonly AssignmentConfig[];
  /**
   * Whether this subscriber is the home: the one of the process's subscribers that takes what belongs to no assignment,
   * so that each such message is taken once. That is bare ids, what foreign nodes send back, jobs of queues that this
   * process does not serve, and messages that cannot be read. The subscriber at the master of `default` is the home,
   * as bare ids mean that queue.
   */
  readonly isHome: boolean;
  /** Called when a call was answered by another master than this subscriber's. */
  readonly onMoved: (owner: SlotOwner) => void;
}

/** Everything: the share of a subscriber without others. */
export const singleServer: ClusterShare = { elsewhere: [], isHome: true, onMoved: () => undefined };
