/** What a bench is, and what it gets. */
import type { Rounds } from "./rounds.ts";
import type { Row } from "./row.ts";

/** What all benches of one run share. */
export interface Setting {
  readonly rounds: Rounds;
  /** Runs a few jobs only, to check that the bench works; the figures mean nothing. */
  readonly isShort: boolean;
  readonly say: (line: string) => void;
}

/** A named bench. */
export interface Bench {
  readonly name: string;
  readonly run: (setting: Setting) => Promise<readonly Row[]>;
}

/** The number of jobs: `full`, or `few` in a short run. */
export function jobsOf({ isShort }: Setting, full: number, few = 20): number {
  return isShort ? few : full;
}
