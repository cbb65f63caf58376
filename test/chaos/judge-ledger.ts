/** Invariants of the final state of Redis, and of its log of writes. */
import { problemsOf } from "../support/ledger-state.ts";
import type { Evidence } from "./evidence.ts";
import type { EndedJob } from "./judge-jobs.ts";
import { isRun } from "./schedules.ts";
import { nodeNames } from "./stack.ts";

export function wrongEnds(
  ends: Evidence["heard"],
  ledgers: Evidence["ledgers"],
): readonly string[] {
  return [...ends].flatMap(([key, tokens]) => {
    const [queue = "", id = "", acceptance = ""] = key.split(" ");
    const stored = ledgers.get(queue)?.ended.get(id)?.token;
    const isSentAgain = stored !== undefined && !stored.startsWith(`${acceptance}.`);
    if (tokens.length === 1 && (tokens[0] === stored || isSentAgain)) return [];
    return [`${key}: ended as ${tokens.join(", ")}; stored ${stored ?? "nothing"}`];
  });
}

export function notInLog(ends: Evidence["heard"]) {
  return ({ key, ended: { token } }: EndedJob): readonly string[] =>
    ends.has(`${key} ${token.slice(0, token.lastIndexOf("."))}`) ? [] : [`${key} is not there`];
}

/** A request to send a job again leads to another acceptance. */
export function acceptedTwice({ audit, asked }: Evidence): readonly string[] {
  const sentAgain = new Set(
    asked
      .filter(({ resent }) => resent !== undefined)
      .map(({ order }) => `${order.queue} ${order.id}`),
  );
  return [...audit.acceptances]
    .filter(([key, stamps]) => stamps.size > 1 && !sentAgain.has(key))
    .map(([key, stamps]) => `${key} was accepted as ${[...stamps].join(", ")}`);
}

export function wrongRecords(outbox: Evidence["audit"]["outbox"]): readonly string[] {
  return [...outbox]
    .filter(([, times]) => times !== 1)
    .map(([entry, times]) => `${entry} was taken out ${times} times`);
}

export function total({ ledgers }: Evidence): number {
  return [...ledgers.values()].reduce((sum, { jobs }) => sum + jobs.size, 0);
}

export function unasked({ ledgers, asked }: Evidence): readonly string[] {
  const known = new Set(asked.map(({ order }) => `${order.queue} ${order.id}`));
  return [...ledgers].flatMap(([queue, { jobs }]) =>
    [...jobs.keys()]
      .filter((id) => !isRun(id))
      .map((id) => `${queue} ${id}`)
      .filter((key) => !known.has(key)),
  );
}

export function wrongLedger({ ledgers }: Evidence): readonly string[] {
  return [...ledgers].flatMap(([queue, { state }]) =>
    problemsOf(state).map((problem) => `${queue}: ${problem}`),
  );
}

export function leftOver({ ledgers }: Evidence): readonly string[] {
  return [...ledgers].flatMap(([queue, { state, outbox, failed, errors, due, ended, jobs }]) => {
    const failures = [...ended].filter(([, { state: how }]) => how === "failed");
    const left: Readonly<Record<string, number>> = {
      "outbox entries": outbox,
      leases: state.leases.length,
      "items due or to come": due.length,
      "parked nodes": state.parked.length,
      "waiting ids": state.backlog.filter((id) => !ended.has(id)).length,
      "surplus entries of the failed set": failed.length - failures.length,
      "errors of unknown jobs": errors.filter((id) => !jobs.has(id)).length,
      "nodes without a row": nodeNames.filter((node) => state.nodes[node] === undefined).length,
      "rows not connected": Object.values(state.nodes).filter((row) => !/^\S+ \S+ 1/.test(row))
        .length,
    };
    return Object.entries(left)
      .filter(([, count]) => count !== 0)
      .map(([what, count]) => `${queue}: ${count} ${what}`);
  });
}

/** About 1,000 are kept. At least one unreadable message must be among them. */
export function wrongDeadLetters({ deadLetters, garbage }: Evidence): readonly string[] {
  if (deadLetters > 1_200) return [`${deadLetters} are kept`];
  return garbage > 10 && deadLetters === 0 ? ["none was kept"] : [];
}
