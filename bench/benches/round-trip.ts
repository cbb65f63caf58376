/** Time from the call until the caller has the result, with one job in flight. */
import type { Bench } from "../bench.ts";
import { alone } from "../heats.ts";
import { atMost } from "../row.ts";
import { median, quantile } from "../statistics.ts";

export const roundTrip: Bench = {
  name: "round-trip",
  async run(setting) {
    const { rounds } = setting;
    const heat = alone(setting);
    await rounds.run([heat]);
    return [
      ...rounds.rows("round-trip", heat, {
        label: "call → result known, p50",
        unit: "ms",
        of: ({ callMs }) => median(callMs),
        targets: [atMost(1.5, "raw-echo"), atMost(0.5, "bullmq"), atMost(1, "bee-queue")],
      }),
      ...rounds.rows("round-trip", heat, {
        label: "call → result known, p99",
        unit: "ms",
        of: ({ callMs }) => quantile(callMs, 0.99),
        targets: [],
      }),
    ];
  },
};
