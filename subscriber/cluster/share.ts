/** What a subscriber leaves to others of its process, where that has one at each master of a Cluster it needs. */
import type { AssignmentConfig } from "../config/nodes.ts";
import type { SlotOwner } from "../connection/slot-owner.ts";

/** See `subscribers.ts`. */
export interface ClusterShare {
  /** The assignments that the others hold. */
  readonly elsewhere: readonly AssignmentConfig[];
  /**
   * Whether what belongs to no assignment is for this one: bare ids, what foreign nodes send back, jobs of queues that
   * nobody here serves, messages that cannot be read. One of them is the home.
   */
  readonly isHome: boolean;
  /** A call was answered by another master than ours. */
  readonly onMoved: (owner: SlotOwner) => void;
}

/** All of it: that of a subscriber without others. */
export const singleServer: ClusterShare = { elsewhere: [], isHome: true, onMoved: () => undefined };
