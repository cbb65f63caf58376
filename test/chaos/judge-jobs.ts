/** Invariants of each accepted job that has ended. Each check returns the violations. */
import type { Accepted, Evidence } from "./evidence.ts";
import { lossCodes, mayEnd } from "./jobs.ts";
import type { Ended } from "./ledger.ts";

/** How long a delivery may take on a busy machine. */
const latenessMs = 400;

/** An accepted job and its end. */
export interface EndedJob extends Accepted {
  readonly key: string;
  readonly ended: Ended;
  readonly deliveries: number;
  /** When it was accepted, and by when it had to be started, in milliseconds since 1970. */
  readonly accepted: number;
  readonly deadlineMs: number | null;
}

export function tally(jobs: readonly EndedJob[]): string {
  const counts = new Map<string, number>();
  for (const { ended } of jobs) {
    const code = isLoss(ended) ? "lost with their nodes" : ended.state;
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return [...counts].map(([state, count]) => `${count} ${state}`).join(", ");
}

function codeOf({ text }: Ended): string | undefined {
  return (JSON.parse(text) as { error?: { code?: string } }).error?.code;
}

function isLoss(ended: Ended): boolean {
  return ended.state === "failed" && lossCodes.includes(codeOf(ended) ?? "");
}

export function wrongEnd({ runs }: Evidence) {
  return ({ key, id, asked, ended }: EndedJob): readonly string[] => {
    if (isLoss(ended) || mayEnd[asked.order.kind].includes(ended.state)) return [];
    const how = `${ended.state} (${codeOf(ended) ?? "no error"})`;
    return [`${key} ended as ${how}: ${ended.text.slice(0, 300)} ${JSON.stringify(runs.get(id))}`];
  };
}

export function wrongView({ views }: Evidence) {
  return ({ key, ended }: EndedJob): readonly string[] => {
    const view = views.get(key);
    if (view === undefined || (view.state === ended.state && view.recorded === true)) return [];
    return [`${key}: GET says ${JSON.stringify(view)}, Redis ${ended.state}`];
  };
}

/** A result that a handler decided names its run, which the run log must contain with the same end. */
export function wrongWinner({ runs }: Evidence) {
  return ({ key, id, asked, ended }: EndedJob): readonly string[] => {
    const message = JSON.parse(ended.text) as {
      readonly result?: { readonly run?: string; readonly seq?: number };
      readonly error?: { readonly code: string; readonly message: string };
    };
    const isEcho = asked.order.kind === "foreign";
    const isOwn = (ended.state === "succeeded" && !isEcho) || message.error?.code === "as_asked";
    if (!isOwn) return [];
    const named = message.result?.run ?? /\[(.+)\]/.exec(message.error?.message ?? "")?.[1];
    const run = runs.get(id)?.find((each) => each.run === named);
    if (run === undefined) return [`${key}: no run ${named ?? "named"} in the log`];
    const how = ended.state === "succeeded" ? "done" : "threw";
    if (run.how !== how) return [`${key}: its run ended as ${run.how ?? "nothing"}, not ${how}`];
    if (run.node !== ended.node) return [`${key}: run at ${run.node}, recorded for ${ended.node}`];
    const isReplaced = asked.order.kind === "deduped";
    if (message.result !== undefined && message.result.seq !== asked.order.seq && !isReplaced) {
      return [`${key}: the result is another job's`];
    }
    return [];
  };
}

/** Only the token of the last delivery can still hold the lease that an end removes. */
export function oldToken({ key, ended, deliveries }: EndedJob): readonly string[] {
  const delivery = Number(ended.token.slice(ended.token.lastIndexOf(".") + 1));
  return delivery === deliveries ? [] : [`${key}: token ${ended.token}, deliveries ${deliveries}`];
}

export function cancelled(jobs: readonly EndedJob[]): number {
  return jobs.filter(({ asked }) => asked.cancelled !== undefined).length;
}

export function wrongCancel({ key, asked, ended }: EndedJob): readonly string[] {
  const { cancelled: told } = asked;
  if (told === undefined || asked.order.kind !== "cancelled") return [];
  const isKept =
    told === "cancelled"
      ? ended.state === "cancelled"
      : told === "stopping" || told === `ended ${ended.state}`;
  return isKept ? [] : [`${key}: the caller was told ${told}, and it ended as ${ended.state}`];
}

/** All parts share this machine's clock; a disturbed run may have received its delivery late. */
export function wrongTime({ runs, isTroubled }: Evidence) {
  return ({ key, id, asked, accepted, deadlineMs }: EndedJob): readonly string[] => {
    const [first] = runs.get(id) ?? [];
    if (first === undefined) return [];
    const { delayMs } = asked.order.request as { delayMs?: number };
    const { startedAt } = first;
    if (delayMs !== undefined && asked.order.kind !== "deduped" && startedAt < accepted + delayMs) {
      return [`${key} was to start ${delayMs} ms after ${accepted} and did at ${startedAt}`];
    }
    const isLate = deadlineMs !== null && startedAt > deadlineMs + latenessMs;
    if (!isLate || isTroubled(first)) return [];
    return [`${key} started ${startedAt - deadlineMs} ms after its deadline`];
  };
}
