/** Formats the outcomes of the demonstration. Pure: outcomes in, lines out. */
import { catalog } from "../examples/catalog.ts";
import type { DemoOutcome } from "./demo-job.ts";

export interface DemoSummary {
  readonly dispatched: number;
  readonly recorded: number;
  /** Recorded, but not as succeeded. */
  readonly failed: number;
  readonly lines: readonly string[];
}

/** A short form: `7@3` is number 7, run by node 3. */
export function describeBriefly(outcome: DemoOutcome): string {
  const { label } = outcome.job;
  switch (outcome.kind) {
    case "recorded": {
      const place = `${label}@${outcome.view.node ?? "?"}`;
      return outcome.view.state === "succeeded" ? place : `${place} ${outcome.view.state}`;
    }
    case "unrecorded":
      return `${label} not recorded`;
    case "refused":
      return `${label} refused`;
  }
}

/** One row of the table of real jobs. */
export function describeFully(outcome: DemoOutcome): string {
  const name = outcome.job.label.padEnd(30);
  switch (outcome.kind) {
    case "recorded": {
      const { view } = outcome;
      const facts = [
        `node ${view.node ?? "?"}`.padEnd(8),
        view.state.padEnd(9),
        `${Math.round(outcome.roundTripMs)} ms`.padStart(8),
      ];
      const detail =
        view.state === "succeeded"
          ? describeResult(outcome.job.request.name, view.result)
          : JSON.stringify(view.error ?? null);
      return `${name} ${facts.join("  ")}  ${detail}`;
    }
    case "unrecorded":
      return `${name} not recorded (job ${outcome.id})`;
    case "refused":
      return `${name} refused: ${outcome.reason}`;
  }
}

function describeResult(name: string, result: unknown): string {
  const metrics = catalog["host.metrics"].result.safeParse(result);
  if (name === "host.metrics" && metrics.success) {
    const { cpu, memory, disk, load } = metrics.data;
    return [
      `${cpu.count} CPUs ${Math.round(cpu.use * 100)} % busy`,
      `memory ${gibibytes(memory.freeBytes)} of ${gibibytes(memory.totalBytes)} GiB free`,
      `disk ${gibibytes(disk.freeBytes)} of ${gibibytes(disk.totalBytes)} GiB free`,
      `load ${load[0].toFixed(2)}`,
    ].join(", ");
  }
  const page = catalog["page.fetch"].result.safeParse(result);
  if (name === "page.fetch" && page.success) {
    const { status, title, links, bytes, sha256 } = page.data;
    return `${status} "${title ?? ""}", ${links.length} links, ${bytes} bytes, sha256 ${sha256.slice(0, 12)}…`;
  }
  return JSON.stringify(result ?? null);
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}

export function summarise(outcomes: readonly DemoOutcome[]): DemoSummary {
  const recorded = outcomes.filter((outcome) => outcome.kind === "recorded");
  const dispatched = outcomes.filter((outcome) => outcome.kind !== "refused").length;
  const failed = recorded.filter((outcome) => outcome.view.state !== "succeeded").length;
  const perNode = new Map<string, number>();
  for (const { view } of recorded) {
    const node = view.node ?? "?";
    perNode.set(node, (perNode.get(node) ?? 0) + 1);
  }
  const nodes = [...perNode].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  const times = recorded.map((outcome) => outcome.roundTripMs);
  return {
    dispatched,
    recorded: recorded.length,
    failed,
    lines: [
      `dispatched ${dispatched} of ${outcomes.length}, recorded ${recorded.length}, failed ${failed}`,
      nodes.map(([node, count]) => `node ${node}: ${count}`).join(", "),
      `round trip, from POST sent to result known: p50 ${quantile(times, 0.5)} ms, p99 ${quantile(times, 0.99)} ms`,
    ],
  };
}

/** The smallest value that at least `share` of `values` do not exceed, rounded; "-" without values. */
export function quantile(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return value === undefined ? "-" : String(Math.round(value));
}
