/** What every script that places jobs and ends them takes, by the names that `place.ts`, `lease.ts` and `end.ts` use. */

export const endingKeys = [
  "jobs",
  "results",
  "leases",
  "backlog",
  "free",
  "nodes",
  "parked",
  "outbox",
  "due",
  "errors",
  "failed",
] as const;

/** `publishing` of `binding.ts` gives all of them. */
export const endingArgs = [
  "queue",
  "channel",
  "control",
  "results_channel",
  "unheard_ms",
  "foreign_ms",
  "clock",
] as const;
