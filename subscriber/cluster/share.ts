/** What a subscriber leaves to others of its process, where that has one at each master of a Cluster it needs. */
import type { SeatConfig } from "../config/nodes.ts";
import type { SlotOwner } from "../connection/slot-owner.ts";

/** See `subscribers.ts`. */
export interface Part {
  /** The seats that the others hold. */
  readonly elsewhere: readonly SeatConfig[];
  /**
   * Whether what belongs to no seat is for this one: bare ids, what foreign nodes send back, jobs of queues that
   * nobody here serves, messages that cannot be read. One of them is the home.
   */
  readonly isHome: boolean;
  /** A call was answered by another master than ours. */
  readonly onMoved: (owner: SlotOwner) => void;
}

/** All of it: that of a subscriber without others. */
export const whole: Part = { elsewhere: [], isHome: true, onMoved: () => undefined };
