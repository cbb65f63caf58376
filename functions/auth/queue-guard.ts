/**
 * Limits a token to its queues. Routes get guarded ledgers, so that no route can forget to check: a call that names
 * another queue is refused before Redis is asked, and a call for all queues gets the token's own.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { JobLedger } from "../../protocol/ledger/jobs.ts";
import type { ScheduleLedger } from "../../protocol/ledger/schedules.ts";
import type { Token } from "./tokens.ts";

/** What is guarded, of all that a route is given. */
export interface Guarded {
  readonly ledger: JobLedger;
  readonly schedules: ScheduleLedger;
  readonly isAllowedQueue: (queue: string) => boolean;
}

type Method = (...args: never[]) => Promise<unknown>;
/** For each method, which queues its arguments name. A new method does not compile until it is listed here. */
type QueuesOf<Part> = {
  readonly [Name in keyof Part]: Part[Name] extends (...args: infer Args) => Promise<unknown>
    ? (...args: Args) => readonly string[]
    : never;
};

const first = (queue: string) => [queue];
const all = (queues: readonly string[]) => queues;
const each = (things: readonly { readonly queue: string }[]) => things.map(({ queue }) => queue);
const none = () => [];

const ledgerQueues: QueuesOf<JobLedger> = {
  dispatch: each,
  find: all,
  list: all,
  nodes: all,
  queues: none,
  read: first,
  reports: first,
  cancel: first,
  resend: first,
  delete: first,
  failed: first,
  // Takes nodes that were found in queues.
  listeners: none,
};
const scheduleQueues: QueuesOf<ScheduleLedger> = {
  put: each,
  applySteps: each,
  read: all,
  count: all,
  list: first,
  delete: first,
  pause: first,
  resume: first,
  runNow: first,
  move: first,
  history: first,
  // For the tick, which has no caller.
  declared: none,
  declare: none,
  signedBy: none,
};

/** `deps` as far as `token` may use them; the very same for a token of all queues. */
export function guardQueues<Deps extends Guarded>(deps: Deps, { name, queues }: Token): Deps {
  if (queues === null) return deps;
  const isAllowedQueue = (queue: string) => queues.has(queue);
  const requireAllowed = (asked: readonly string[]) => {
    const other = asked.find((queue) => !isAllowedQueue(queue));
    if (other === undefined) return;
    throw new SignalboxError(
      "forbidden",
      `expected a queue that token ${name} is good for, got ${other}; it is good for ${[...queues].join(", ")}`,
    );
  };
  return {
    ...deps,
    ledger: {
      ...guard(deps.ledger, ledgerQueues, requireAllowed),
      queues: () => Promise.resolve([...queues]),
    },
    schedules: guard(deps.schedules, scheduleQueues, requireAllowed),
    isAllowedQueue,
  };
}

function guard<Part extends object>(
  part: Part,
  queuesOf: QueuesOf<Part>,
  requireAllowed: (asked: readonly string[]) => void,
): Part {
  const guarded = Object.entries(
    queuesOf as Readonly<Record<string, (...args: never[]) => readonly string[]>>,
  ).map(([name, queues]) => {
    const method = part[name as keyof Part] as Method;
    return [
      name,
      async (...args: never[]) => {
        requireAllowed(queues(...args));
        return method(...args);
      },
    ];
  });
  return Object.fromEntries(guarded) as Part;
}
