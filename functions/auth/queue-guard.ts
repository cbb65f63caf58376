/**
 * What a token that is good for some queues alone can reach. The ledgers are handed to the routes behind a fence, so
 * that no route can forget to look: what names another queue is refused before Redis is asked, and what asks for all
 * queues gets the token's own.
 */
import { SignalboxError } from "../../protocol/error.ts";
import type { JobLedger } from "../../protocol/ledger/jobs.ts";
import type { ScheduleLedger } from "../../protocol/ledger/schedules.ts";
import type { AppDeps } from "../deps.ts";
import type { Token } from "./tokens.ts";

type Method = (...args: never[]) => Promise<unknown>;
/** For each method, which queues its arguments name. A new method does not compile until it is said here. */
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
  ...{ dispatch: each, find: all, list: all, nodes: all, queues: none },
  ...{ read: first, reports: first, cancel: first, resend: first, delete: first, failed: first },
  // Of nodes that were found in queues.
  listeners: none,
};
const scheduleQueues: QueuesOf<ScheduleLedger> = {
  ...{ put: each, applySteps: each, read: all, count: all },
  ...{ list: first, delete: first, pause: first, resume: first, runNow: first, move: first },
  history: first,
  // For the tick, which has no caller.
  ...{ declared: none, declare: none, signedBy: none },
};

/** The dependencies of a route, as far as `token` may use them. */
export function guardQueues(deps: AppDeps, { name, queues }: Token): AppDeps {
  if (queues === null) return deps;
  const isAllowedQueue = (queue: string) => queues.has(queue);
  const need = (asked: readonly string[]) => {
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
      ...guard(deps.ledger, ledgerQueues, need),
      queues: () => Promise.resolve([...queues]),
    },
    schedules: guard(deps.schedules, scheduleQueues, need),
    isAllowedQueue,
  };
}

function guard<Part extends object>(
  part: Part,
  queuesOf: QueuesOf<Part>,
  need: (asked: readonly string[]) => void,
): Part {
  const guarded = Object.entries(
    queuesOf as Readonly<Record<string, (...args: never[]) => readonly string[]>>,
  ).map(([name, queues]) => {
    const method = part[name as keyof Part] as Method;
    return [
      name,
      async (...args: never[]) => {
        need(queues(...args));
        return method(...args);
      },
    ];
  });
  return Object.fromEntries(guarded) as Part;
}
