/**
 * Rounds of timed scenarios. Each round runs all systems in turn against the same Redis, in the
 * opposite order every other round, so that a machine that becomes slower or faster affects all alike.
 */
import type { ContenderName } from "./contender.ts";
import { type Persistence, startBenchRedis } from "./redis-server.ts";
import type { Row, Target } from "./row.ts";
import { measure, type Sample, type Scenario } from "./scenario.ts";

/** A scenario and the systems that take part. */
export interface Heat {
  readonly scenario: Scenario;
  readonly contenders: readonly ContenderName[];
  readonly persistences: readonly Persistence[];
}

/** One figure of a scenario. */
export interface Figure {
  readonly label: string;
  readonly unit: string;
  readonly of: (sample: Sample) => number;
  readonly targets: readonly Target[];
}

/** Runs heats and keeps their samples, so that a heat which two benches use is measured once. */
export interface Rounds {
  /** How many rounds there are. */
  readonly count: number;
  /** Runs those of `heats` that have not run yet. */
  run(heats: readonly Heat[]): Promise<void>;
  /** The rows of a heat that has run: one for each persistence. */
  rows(bench: string, heat: Heat, figure: Figure): readonly Row[];
}

/** Creates `count` rounds; `say` receives a line for each sample. */
export function createRounds(count: number, say: (line: string) => void): Rounds {
  const samples = new Map<string, Sample[]>();
  const key = (scenario: Scenario, persistence: Persistence, contender: ContenderName) =>
    `${scenario.name} ${persistence} ${contender}`;

  async function runRound(round: number, persistence: Persistence, heats: readonly Heat[]) {
    await using server = await startBenchRedis(persistence);
    for (const { scenario, contenders } of heats) {
      const order = round % 2 === 0 ? contenders : contenders.toReversed();
      for (const contender of order) {
        const of = key(scenario, persistence, contender);
        const sample = await measure(server, contender, scenario);
        samples.set(of, [...(samples.get(of) ?? []), sample]);
        say(`round ${round + 1}: ${of}: ${Math.round(sample.jobsPerSecond)} jobs/s`);
      }
    }
  }

  return {
    count,

    async run(heats) {
      const isNew = ({ scenario, contenders, persistences }: Heat) =>
        persistences.some((each) =>
          contenders.some((contender) => !samples.has(key(scenario, each, contender))),
        );
      const wanted = heats.filter(isNew);
      const persistences = [...new Set(wanted.flatMap((heat) => heat.persistences))];
      for (let round = 0; round < count; round++) {
        for (const persistence of persistences) {
          const now = wanted.filter((heat) => heat.persistences.includes(persistence));
          await runRound(round, persistence, now);
        }
      }
    },

    rows(bench, heat, figure) {
      return heat.persistences.map((persistence) => ({
        bench,
        label: figure.label,
        unit: figure.unit,
        persistence,
        targets: figure.targets,
        values: Object.fromEntries(
          heat.contenders.map((contender) => [
            contender,
            (samples.get(key(heat.scenario, persistence, contender)) ?? []).map(figure.of),
          ]),
        ),
      }));
    },
  };
}
