/** What the route of nodes answers. */
import type { Json } from "../wire/json.ts";

/**
 * A node, over all queues that it serves.
 * @example const free = nodes.map(({ name, slots, busy }: NodeView) => `${name}: ${slots - busy} of ${slots}`);
 */
export interface NodeView {
  readonly name: string;
  readonly queues: readonly {
    readonly queue: string;
    readonly slots: number;
    readonly busy: number;
  }[];
  readonly slots: number;
  readonly busy: number;
  /** Whether it has joined, its last message found a listener, and a process listens now. */
  readonly connected: boolean;
  /** What the subscriber says of itself. */
  readonly info: Json;
}

/** All nodes, by name. */
export interface Nodes {
  readonly nodes: readonly NodeView[];
}
