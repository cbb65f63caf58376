/** `signalbox nodes` and `signalbox queues`. */
import type { Command } from "commander";
import type { NodeView } from "../protocol/api/nodes.ts";
import { connect } from "./connection.ts";
import { show, table } from "./output.ts";

/** A queue over all nodes that serve it. */
export interface QueueView {
  readonly queue: string;
  /** Names of the connected nodes. */
  readonly nodes: readonly string[];
  readonly slots: number;
  readonly busy: number;
}

/** Adds the commands. */
export function addNodeCommands(program: Command): void {
  program
    .command("nodes")
    .summary("list nodes, their slots, and which are connected")
    .action(async (_flags: unknown, command: Command) => {
      const nodes = await connect().nodes.list();
      show(command, nodes, () =>
        table(
          ["node", "connected", "busy", "slots", "queues"],
          nodes.map(({ name, connected, busy, slots, queues }) => [
            name,
            connected ? "yes" : "no",
            String(busy),
            String(slots),
            queues.map(({ queue }) => queue).join(","),
          ]),
        ),
      );
    });
  program
    .command("queues")
    .summary("list the queues that connected nodes serve")
    .action(async (_flags: unknown, command: Command) => {
      const queues = queuesOf(await connect().nodes.list());
      show(command, queues, () =>
        table(
          ["queue", "busy", "slots", "nodes"],
          queues.map(({ queue, busy, slots, nodes }) => [
            queue,
            String(busy),
            String(slots),
            nodes.join(","),
          ]),
        ),
      );
    });
}

/** Sums up the connected nodes by queue, sorted by name. */
export function queuesOf(nodes: readonly NodeView[]): readonly QueueView[] {
  const assignments = nodes
    .filter(({ connected }) => connected)
    .flatMap(({ name, queues }) => queues.map((queue) => ({ node: name, ...queue })));
  return [...new Set(assignments.map(({ queue }) => queue))].sort().map((queue) => {
    const its = assignments.filter((each) => each.queue === queue);
    return {
      queue,
      nodes: its.map(({ node }) => node),
      slots: its.reduce((sum, { slots }) => sum + slots, 0),
      busy: its.reduce((sum, { busy }) => sum + busy, 0),
    };
  });
}
