/** All benches, in the order in which they run. */
import type { Bench } from "./bench.ts";
import { cluster } from "./benches/cluster.ts";
import { cost } from "./benches/cost.ts";
import { dispatchLatency } from "./benches/dispatch-latency.ts";
import { edge } from "./benches/edge.ts";
import { fairness } from "./benches/fairness.ts";
import { memory } from "./benches/memory.ts";
import { roundTrip } from "./benches/round-trip.ts";
import { scale } from "./benches/scale.ts";
import { throughput } from "./benches/throughput.ts";
import { tick } from "./benches/tick.ts";

export const benches: readonly Bench[] = [
  dispatchLatency,
  roundTrip,
  throughput,
  cost,
  memory,
  edge,
  tick,
  fairness,
  scale,
  cluster,
];
