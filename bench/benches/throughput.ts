/** Jobs a second, from the first call until all are recorded. */
import type { Bench } from "../bench.ts";
import { alone, batches, windowOf100 } from "../heats.ts";
import type { Heat } from "../rounds.ts";
import { atLeast, type Target } from "../row.ts";

const pair = ["signalbox", "bullmq"] as const;

export const throughput: Bench = {
  name: "throughput",
  async run(setting) {
    const { rounds } = setting;
    const heats: readonly (readonly [string, Heat, readonly Target[]])[] = [
      ["one at a time", alone(setting), []],
      [
        "window of 100, caller has each result",
        windowOf100(setting),
        [atLeast(0.7, "raw-echo"), atLeast(8, "bullmq"), atLeast(2, "bee-queue")],
      ],
      [
        "batches of 1,000, 100 slots",
        batches(setting, { slots: 100 }),
        [atLeast(8, "bullmq"), atLeast(4, "bee-queue")],
      ],
      ["batches, 1 slot", batches(setting, { slots: 1, jobs: 2_000 }), [atLeast(2.5, "bullmq")]],
      ["batches, 10 slots", batches(setting, { slots: 10, contenders: pair }), []],
      [
        "batches, 2 processes of 100 slots",
        batches(setting, { slots: 100, processes: 2, contenders: pair }),
        [],
      ],
    ];
    await rounds.run(heats.map(([, heat]) => heat));
    return heats.flatMap(([label, heat, targets]) =>
      rounds.rows("throughput", heat, {
        label,
        unit: "jobs/s",
        of: ({ jobsPerSecond }) => jobsPerSecond,
        targets,
      }),
    );
  },
};
