/**
 * The demonstration: sends the numbers 1 to 99, each to a random node, as the program that Signalbox
 * descends from did; then runs a few jobs that do real work. Uses only the HTTP API of the function.
 */
import type { ApiClient } from "./api-client.ts";
import { type DemoJob, type DemoOutcome, type DemoRun, runDemoJob } from "./demo-job.ts";
import { type DemoSummary, describeBriefly, describeFully, summarise } from "./demo-report.ts";

export interface DemoOptions {
  readonly api: ApiClient;
  readonly pageUrls: readonly string[];
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
  /** How long to wait for the numbers, and again for the real jobs, in milliseconds. @default 60_000 */
  readonly withinMs?: number;
  /** 0 to just below 1. @default Math.random */
  readonly random?: () => number;
}

export interface DemoResult extends DemoSummary {
  /** Everything was dispatched, recorded and successful. */
  readonly isComplete: boolean;
  /** The id of the last job, for the user to read; undefined if none was recorded. */
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

/** Runs a limited number of jobs concurrently; resolves to the outcomes in the order of the jobs. */
async function runAll(
  jobs: readonly DemoJob[],
  runOne: (job: DemoJob) => Promise<DemoOutcome>,
): Promise<readonly DemoOutcome[]> {
  const outcomes: DemoOutcome[] = [];
  // All lanes share one iterator: each takes the next job that no other lane has taken.
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
