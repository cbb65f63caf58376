/** The rows that benches report, and the targets that they are judged by. */
import type { Persistence } from "./redis-server.ts";
import { median, readable } from "./statistics.ts";

/** The column of a figure: a contender's name, or another subject. */
export type Values = Readonly<Record<string, readonly number[]>>;

/** A target for the median of column `of`. */
export interface Target {
  readonly of: string;
  readonly sense: "at most" | "at least";
  readonly factor: number;
  /** The limit is a multiple of the median of this column; absolute without it. */
  readonly against?: string;
}

/** One line of the table. */
export interface Row {
  readonly bench: string;
  readonly label: string;
  readonly unit: string;
  /** `null` where it makes no difference. */
  readonly persistence: Persistence | null;
  /** One value for each round. */
  readonly values: Values;
  readonly targets: readonly Target[];
}

/** A target and whether it was met. */
export interface Verdict {
  readonly target: Target;
  /** The factor that was reached, or the figure itself if the target is absolute. */
  readonly reached: number;
  readonly isMet: boolean;
  readonly text: string;
}

/** Judges each target of a row; leaves out targets against a system that did not run. */
export function judge({ values, targets, unit }: Row): readonly Verdict[] {
  return targets.flatMap((target): readonly Verdict[] => {
    const { of, against, sense, factor } = target;
    const own = values[of];
    const theirs = against === undefined ? [1] : values[against];
    if (own === undefined || theirs === undefined) return [];
    const reached = median(own) / median(theirs);
    const isMet = sense === "at most" ? reached <= factor : reached >= factor;
    const sign = sense === "at most" ? "≤" : "≥";
    const what = against === undefined ? unit : `× ${against}`;
    const figures = `${readable(reached)} ${what} (${sign} ${factor})`;
    return [{ target, reached, isMet, text: `${isMet ? "met" : "**missed**"}: ${figures}` }];
  });
}

/** Less is better. */
export function atMost(factor: number, against?: string, of = "signalbox"): Target {
  return { of, sense: "at most", factor, ...(against === undefined ? {} : { against }) };
}

/** More is better. */
export function atLeast(factor: number, against?: string, of = "signalbox"): Target {
  return { of, sense: "at least", factor, ...(against === undefined ? {} : { against }) };
}
