/** The callers: they dispatch jobs over HTTP at a steady rate, repeat unanswered requests, and cancel some jobs. */
import type { History } from "./history.ts";
import { createOrders, type Order } from "./jobs.ts";
import { pause } from "./pace.ts";
import type { Random } from "./random.ts";
import { nodeNames, type Stack } from "./stack.ts";

/** How often a request is repeated before the run counts as failed, and how long each may take. */
const maxTries = 400;
const answerMs = 3_000;
/** How many requests may be in flight concurrently. */
const maxInFlight = 60;

/** One order and its answers. */
export interface Asked {
  readonly order: Order;
  /** When the first 2xx came, and for which job: with a deduplication key it may be another one. */
  accepted?: { readonly at: number; readonly id: string };
  /** The code of a refusal. */
  refused?: string;
  /** The answer to its cancellation. */
  cancelled?: string;
  /** Status of the answer to the request to send it again. */
  resent?: number;
}

export interface Load {
  readonly asked: readonly Asked[];
  /** Status, or `no answer` → how often it came. */
  readonly statuses: ReadonlyMap<string, number>;
  readonly problems: readonly string[];
  inFlight(): number;
  /**
   * Sends requests until `signal` aborts; resolves when every request has been answered.
   * @param perSecond how many requests to begin, as long as they are answered
   */
  run(perSecond: number, signal: AbortSignal): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Creates the callers. */
export function createLoad(stack: Stack, history: History, random: Random): Load {
  const asked: Asked[] = [];
  const nextOrder = createOrders(random.fork("orders"), nodeNames);
  const statuses = new Map<string, number>();
  const problems: string[] = [];
  const underWay = new Set<Promise<void>>();

  function count(status: string): void {
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }

  async function once(path: string, body: unknown): Promise<Answer | undefined> {
    try {
      const response = await fetch(`${stack.clientUrl}${path}`, {
        method: "POST",
        headers: stack.headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(answerMs),
      });
      const text = await response.text();
      count(String(response.status));
      const isJson = response.headers.get("content-type")?.includes("json") === true;
      if (!isJson) return undefined;
      return { status: response.status, body: JSON.parse(text) as unknown };
    } catch {
      count("no answer");
      return undefined;
    }
  }

  /** Repeats a request until it gets a final answer. A twin sends it twice concurrently at first. */
  async function untilAnswered(path: string, body: unknown, isTwin: boolean): Promise<Answer> {
    for (let tries = 0; tries < maxTries; tries++) {
      const twin = isTwin && tries === 0 ? once(path, body) : undefined;
      const answer = await once(path, body);
      await twin;
      const isFinal = answer !== undefined && answer.status < 500;
      if (isFinal) return answer;
      if (answer !== undefined && answer.status !== 503) {
        problems.push(`${path} was answered with ${JSON.stringify(answer).slice(0, 300)}`);
      }
      await pause(100 + Math.min(900, tries * 50));
    }
    throw new Error(`${path} was not answered in ${maxTries} tries`);
  }

  async function single(entry: Asked, isTwin: boolean): Promise<void> {
    asked.push(entry);
    settle(entry, await untilAnswered("/v1/jobs", entry.order.request, isTwin));
    await follow(entry);
  }

  async function batch(entries: readonly Asked[]): Promise<void> {
    asked.push(...entries);
    const jobs = entries.map(({ order }) => order.request);
    // Some callers repeat a job within one request.
    const [first] = jobs;
    if (first !== undefined && jobs.length % 3 === 0) jobs.push(first);
    const answer = await untilAnswered("/v1/jobs/batch", { jobs }, false);
    const receipts = (answer.body as { jobs?: readonly unknown[] }).jobs ?? [];
    entries.forEach((entry, at) => {
      const body = receipts[at] as { error?: unknown } | undefined;
      const isRefused = body?.error !== undefined;
      settle(entry, { status: isRefused ? 409 : answer.status, body: body?.error ?? body });
    });
    await Promise.all(entries.map(follow));
  }

  function settle(entry: Asked, { status, body }: Answer): void {
    const { id, code } = (body ?? {}) as { id?: string; code?: string };
    if (status === 202 && id !== undefined) {
      entry.accepted = { at: Date.now(), id };
    } else if (entry.order.kind === "deduped" && /^(key_held|id_conflict)$/.test(code ?? "")) {
      // A repeated request conflicts with its own id once a replacement has changed the job's content.
      entry.refused = code ?? "";
      history.count(`refused: ${code}`);
    } else {
      problems.push(`${entry.order.id} was answered ${status} ${JSON.stringify(body)}`);
      entry.refused = code ?? String(status);
    }
  }

  async function follow(entry: Asked): Promise<void> {
    await cancel(entry);
    await resend(entry);
  }

  async function resend(entry: Asked): Promise<void> {
    const { id, resendAfterMs, queue } = entry.order;
    if (resendAfterMs === undefined || entry.accepted === undefined) return;
    await pause(resendAfterMs);
    const answer = await untilAnswered(`/v1/jobs/${id}/resend?queue=${queue}`, undefined, false);
    entry.resent = answer.status;
    if (answer.status !== 202) problems.push(`resend ${id}: ${JSON.stringify(answer)}`);
  }

  async function cancel(entry: Asked): Promise<void> {
    const { id, cancelAfterMs, queue } = entry.order;
    if (cancelAfterMs === undefined || entry.accepted === undefined) return;
    await pause(cancelAfterMs);
    const answer = await untilAnswered(`/v1/jobs/${id}/cancel?queue=${queue}`, undefined, false);
    const { outcome, state } = answer.body as { outcome?: string; state?: string };
    entry.cancelled = outcome === "ended" ? `ended ${state}` : (outcome ?? "nothing");
    if (answer.status !== 200) problems.push(`cancel ${id}: ${JSON.stringify(answer)}`);
  }

  function launch(): void {
    const isBatch = random.chance(0.06);
    const isTwin = random.chance(0.08);
    const size = isBatch ? random.whole(3, 25) : 1;
    const entries = Array.from({ length: size }, (): Asked => ({ order: nextOrder() }));
    const [only] = entries;
    const call = isBatch || only === undefined ? batch(entries) : single(only, isTwin);
    const done = call
      .catch((error: unknown) => {
        problems.push(String(error));
      })
      .finally(() => underWay.delete(done));
    underWay.add(done);
  }

  return {
    asked,
    statuses,
    problems,
    inFlight: () => underWay.size,
    async run(perSecond, signal) {
      while (!signal.aborted) {
        if (underWay.size < maxInFlight) launch();
        await pause(1_000 / perSecond, signal);
      }
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
