/** Takes the same steps on several subjects in turn, so that whatever slows the machine slows all of them. */
import type { JobLedger } from "../protocol/ledger/jobs.ts";
import type { JobSpec } from "../protocol/wire/job.ts";
import { newJobId } from "../protocol/wire/names.ts";
import type { Row } from "./row.ts";
import { median } from "./statistics.ts";

const rounds = 5;

/** How long one step took for each subject: the median of each round, in milliseconds. */
export interface Compared {
  readonly label: string;
  readonly values: Row["values"];
}

/**
 * Takes every step `repetitions` times for each subject, in turn.
 * @param subjects label → argument of the steps
 * @param steps label → takes the step and resolves to its duration in milliseconds
 */
export async function compare<Subject>(
  subjects: Readonly<Record<string, Subject>>,
  repetitions: number,
  steps: Readonly<Record<string, (subject: Subject) => Promise<number>>>,
): Promise<readonly Compared[]> {
  const found = new Map<string, Map<string, number[]>>();
  for (let round = 0; round < rounds; round++) {
    const taken = new Map<string, number[]>();
    for (let repetition = 0; repetition < Math.ceil(repetitions / rounds); repetition++) {
      const entries = Object.entries(subjects);
      for (const [name, subject] of repetition % 2 === 0 ? entries : entries.toReversed()) {
        for (const [label, step] of Object.entries(steps)) {
          append(taken, `${label}\n${name}`, await step(subject));
        }
      }
    }
    for (const [key, values] of taken) {
      const [label = "", name = ""] = key.split("\n");
      const row = found.get(label) ?? new Map<string, number[]>();
      found.set(label, row);
      append(row, name, median(values));
    }
  }
  return [...found].map(([label, values]) => ({ label, values: Object.fromEntries(values) }));
}

function append(to: Map<string, number[]>, key: string, value: number): void {
  const values = to.get(key);
  if (values === undefined) to.set(key, [value]);
  else values.push(value);
}

/** Jobs of about 100 bytes. */
export function plainJobs(queue: string, count: number): readonly JobSpec[] {
  const payload = { n: 0, at: 123_456.789, pad: "a job of about a hundred bytes, as JSON; no-op" };
  return Array.from({ length: count }, () => ({ id: newJobId(), name: "bench", queue, payload }));
}

/** Dispatches `count` jobs to a queue that no node serves. */
export async function fill(ledger: JobLedger, queue: string, count: number): Promise<void> {
  for (let from = 0; from < count; from += 1_000) {
    await ledger.dispatch(plainJobs(queue, Math.min(1_000, count - from)));
  }
}
