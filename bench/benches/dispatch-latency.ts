/** Time from the call to the start of the handler, with one job in flight. */
import type { Bench } from "../bench.ts";
import { alone } from "../heats.ts";
import { median, quantile } from "../statistics.ts";

export const dispatchLatency: Bench = {
  name: "dispatch-latency",
  async run(setting) {
    const { rounds } = setting;
    const heat = alone(setting);
    await rounds.run([heat]);
    const figure = (label: string, of: (values: readonly number[]) => number) =>
      rounds.rows("dispatch-latency", heat, {
        label: `call → handler starts, ${label}`,
        unit: "ms",
        of: ({ startMs }) => of(startMs),
        targets: [],
      });
    return [...figure("p50", median), ...figure("p99", (values) => quantile(values, 0.99))];
  },
};
