/**
 * What docs/configuration.md says of an environment variable, as metadata of its schema, and the texts, bounds and
 * defaults of the variables that function and subscriber must have alike.
 */
import { defaultTiming } from "../ledger/binding.ts";

/** Metadata of one variable. */
export interface Meaning {
  /** One or two sentences; may link to other files of docs/. */
  readonly description: string;
  /** Which values are accepted. */
  readonly range?: string;
  readonly unit?: string;
  readonly isSecret?: boolean;
  /** Said in place of a default, where there is none to show. */
  readonly absent?: string;
}

/** A variable that takes a whole number. */
export interface WholeNumber extends Meaning {
  readonly min: number;
  readonly max: number;
  readonly initial: number;
}

/** Types a literal as metadata, so that a misspelt property does not compile; zod takes any object. */
export const meaning = (about: Meaning): Record<string, unknown> => ({ ...about });

/** `1 to 4,194,304` */
export function wholeRange(min: number, max: number): string {
  return `${min.toLocaleString("en-US")} to ${max.toLocaleString("en-US")}`;
}

/** Of the variables that function and subscribers must have alike: bounds and defaults too, where they are numbers. */
export const sharedMeanings = {
  keyPrefix: {
    description: "First part of every Redis key. Must be the same for function and subscribers.",
    range: "1 to 64 characters without spaces and braces",
  },
  channelPrefix: {
    description: "Goes before every channel name. Must be the same for function and subscribers.",
    range: "up to 64 characters without spaces and commas",
    absent: "empty",
  },
  unacknowledgedMs: {
    min: 100,
    max: 3_600_000,
    initial: defaultTiming.unacknowledgedMs,
    unit: "ms",
    description:
      "[Lease](protocol.md#leases) of a delivery until its node is heard of. Must be the same for function and subscribers.",
  },
  leaseMs: {
    min: 300,
    max: 86_400_000,
    initial: defaultTiming.leaseMs,
    unit: "ms",
    description:
      "[Lease](protocol.md#leases) from each renewal on. Must be the same for function and subscribers.",
  },
  foreignMs: {
    min: 100,
    max: 86_400_000,
    initial: defaultTiming.foreignMs,
    unit: "ms",
    description:
      "Lease of a job at a [foreign node](protocol.md#foreign-masters-and-nodes), which renews nothing. Must be the same for function and subscribers.",
  },
} as const satisfies Record<string, Meaning | WholeNumber>;
