/**
 * The demonstration: the numbers 1 to 99, each to a node drawn at random, as the program did that
 * Signalbox descends from; then a few jobs that do real work. Speaks to the function over HTTP only.
 */
import type { ApiClient } from "./api-client.ts";
import { type DemoJob, type DemoOutcome, type DemoRun, runDemoJob } from "./demo-job.ts";
import { type DemoSummary, describeBriefly, describeFully, summarise } from "./demo-report.ts";

export interface DemoOptions {
  readonly api: ApiClient;
  readonly pageUrls: readonly string[];
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
  /** How long to wait for the numbers, and then for the real jobs, in milliseconds. @default 60_000 */
  readonly withinMs?: number;
  /** 0 to just below 1. @default Math.random */
  readonly random?: () => number;
}

export interface DemoResult extends DemoSummary {
  /** Everything was dispatched, recorded and successful. */
  readonly isComplete: boolean;
  /** The last job's id, for the reader to look up; undefined if none was recorded. */
  readonly lastId: string | undefined;
}

const NUMBERS = 99;
const CONCURRENCY = 10;
const RESULTS_PER_LINE = 11;

export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { api, print, signal, pageUrls, withinMs = 60_000, random = Math.random } = options;
  const beginRun = (): DemoRun => ({ api, signal, deadlineMs: performance.now() + withinMs });
  const nodes = await api.nodes();
  if (nodes.length === 0) throw new Error("No node is listening.");

  print(`Dispatching the numbers 1 to ${NUMBERS} as "echo" jobs, each to a node drawn at random.`);
  print("Recorded so far, as number@node:");
  let line: string[] = [];
  let done = 0;
  const numbersRun = beginRun();
  const numbers = await runAll(numberJobs(nodes, random), async (job) => {
    const outcome = await runDemoJob(job, numbersRun);
    done += 1;
    line.push(describeBriefly(outcome));
    if (line.length === RESULTS_PER_LINE || done === NUMBERS) {
      print(`${String(done).padStart(4)}/${NUMBERS}  ${line.join(" ")}`);
      line = [];
    }
    return outcome;
  });

  print("Jobs that do real work:");
  const realRun = beginRun();
  const real = await runAll(realJobs(nodes, pageUrls), async (job) => {
    const outcome = await runDemoJob(job, realRun);
    print(`  ${describeFully(outcome)}`);
    return outcome;
  });

  const outcomes = [...numbers, ...real];
  for (const reason of refusals(outcomes)) print(`Refused: ${reason}`);
  const summary = summarise(outcomes);
  for (const text of summary.lines) print(text);
  const last = outcomes.findLast((outcome) => outcome.kind === "recorded");
  return {
    ...summary,
    isComplete: summary.recorded === outcomes.length && summary.failed === 0,
    lastId: last?.view.id,
  };
}

function numberJobs(nodes: readonly string[], random: () => number): readonly DemoJob[] {
  return Array.from({ length: NUMBERS }, (_, index) => {
    const node = nodes[Math.floor(random() * nodes.length)];
    const request = { name: "echo", payload: index + 1 };
    return {
      label: String(index + 1),
      request: node === undefined ? request : { ...request, node },
    };
  });
}

function realJobs(nodes: readonly string[], pageUrls: readonly string[]): readonly DemoJob[] {
  return [
    ...nodes.map((node) => ({ label: "host.metrics", request: { name: "host.metrics", node } })),
    ...pageUrls.map((url) => ({
      label: `page.fetch ${new URL(url).pathname}`,
      request: { name: "page.fetch", payload: { url } },
    })),
  ];
}

/** Runs a bounded number of jobs at a time; outcomes in the order of the jobs. */
async function runAll(
  jobs: readonly DemoJob[],
  runOne: (job: DemoJob) => Promise<DemoOutcome>,
): Promise<readonly DemoOutcome[]> {
  const outcomes: DemoOutcome[] = [];
  // One iterator for all lanes: each takes the next job that no other has taken.
  const queue = jobs.entries();
  const lanes = Array.from({ length: CONCURRENCY }, async () => {
    for (const [index, job] of queue) outcomes[index] = await runOne(job);
  });
  await Promise.all(lanes);
  return outcomes;
}

function refusals(outcomes: readonly DemoOutcome[]): ReadonlySet<string> {
  return new Set(
    outcomes.flatMap((outcome) => (outcome.kind === "refused" ? [outcome.reason] : [])),
  );
}
