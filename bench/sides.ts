/** The caller and the consumers of one system, each in its own process; runs bursts of jobs through them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ContenderName } from "./contender.ts";
import { type RemoteSide, startSide } from "./remote-side.ts";
import type { CallerReport, Workload } from "./workload.ts";

/** The processes to start. */
export interface SidesOptions {
  readonly url: string;
  /** Whether the caller must receive each result. */
  readonly hears: boolean;
  /** One consumer process for each. */
  readonly consumers: readonly { readonly slots: number; readonly jobMs: number }[];
}

/** One system, ready to be used. */
export interface Sides extends AsyncDisposable {
  readonly caller: RemoteSide;
  readonly consumers: readonly RemoteSide[];
  /** Resolves when all jobs of the burst have been recorded. */
  readonly run: (burst: Workload) => Promise<Burst>;
}

/** The figures of a burst. */
export interface Burst {
  readonly report: CallerReport;
  /** When the last result was recorded, by `monotonicMs`. */
  readonly recordedAtMs: number;
}

/** Interval at which consumers are asked how many jobs they have recorded, in milliseconds. */
const lookMs = 10;
/** How long a burst may take after its last call, in milliseconds. */
const recordedWithinMs = 60_000;

/** Starts all processes of one system. */
export async function startSides(
  contender: ContenderName,
  { url, hears, consumers: kinds }: SidesOptions,
): Promise<Sides> {
  await using stack = new AsyncDisposableStack();
  const own = async (side: Promise<RemoteSide>) => stack.use(await side);
  const [caller, ...consumers] = await Promise.all([
    own(startSide({ contender, url, role: "caller", hears })),
    ...kinds.map((kind, at) =>
      own(startSide({ contender, url, role: "consumer", node: String(at + 1), ...kind })),
    ),
  ]);

  async function recordedBy(jobs: number): Promise<number> {
    const deadline = performance.now() + recordedWithinMs;
    while (performance.now() < deadline) {
      const answers = await Promise.all(
        consumers.map((consumer) => consumer.ask({ kind: "recorded" }, "recorded")),
      );
      const sum = answers.reduce((total, { count }) => total + count, 0);
      if (sum >= jobs) return Math.max(...answers.map(({ atMs }) => atMs));
      // The answers carry their own times, so this interval changes no figure.
      await sleep(lookMs);
    }
    throw new Error(`${contender}: ${jobs} jobs were not all recorded within a minute`);
  }

  const sides = stack.move();
  return {
    caller,
    consumers,
    run: async (burst) => {
      await Promise.all(consumers.map((consumer) => consumer.ask({ kind: "reset" }, "done")));
      const { report } = await caller.ask({ kind: "run", workload: burst }, "ran");
      return { report, recordedAtMs: await recordedBy(burst.jobs) };
    },
    [Symbol.asyncDispose]: () => sides.disposeAsync(),
  };
}
