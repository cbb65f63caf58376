/** One request to the function's callback: what is sent, how it is signed, and what the answer says of it. */
import { randomUUID } from "node:crypto";
import type { SigningKeys } from "../../protocol/signing/keys.ts";
import { sign } from "../../protocol/signing/webhook.ts";

/** One entry of the ledger's outbox, and the result messages in it. */
export interface Delivery {
  readonly queue: string;
  /** The id of the entry. */
  readonly entry: string;
  /** As JSON texts. */
  readonly texts: readonly string[];
}

/** What is left of a delivery, under the entry in which it is by now. */
export interface Remaining extends Delivery {
  /** The delivery as it was sent. */
  readonly of: Delivery;
}

/** What the callback did with a batch. */
export interface Taken {
  /** How many results are recorded. */
  readonly recorded: number;
  /** What the function's hook refused: to be sent again later. */
  readonly refused: readonly Remaining[];
  /** What there was no time for: to be sent again. */
  readonly left: readonly Remaining[];
}

/** How long the callback may take to answer, in milliseconds. */
const answerMs = 15_000;

/** What requests are made with. */
export interface CallbackOptions {
  /** `POST /v1/results` of the function. */
  readonly url: string;
  readonly keys: SigningKeys;
  readonly fetch: typeof fetch;
}

/** Sends a batch. Repeat-safe. @throws Error that says why the callback did not take it, or not in time */
export type PostDeliveries = (batch: readonly Delivery[], signal: AbortSignal) => Promise<Taken>;

/** Binds requests to a callback. */
export function createCallback({ url, keys, fetch: send }: CallbackOptions): PostDeliveries {
  return async (batch, signal) => {
    const deliveries = batch.map(
      ({ queue, entry, texts }) =>
        `{"queue":"${queue}","entry":"${entry}","results":[${texts.join(",")}]}`,
    );
    const body = `{"deliveries":[${deliveries.join(",")}]}`;
    const signed = await sign(keys, { id: `msg_${randomUUID()}`, body, nowMs: Date.now() });
    const response = await send(url, {
      method: "POST",
      headers: { ...signed, "content-type": "application/json" },
      body,
      redirect: "error",
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${answer.slice(0, 300)}`);
    return takenOf(batch, answer);
  };
}

/** Pure. An answer that names nothing, as of an older function or another program, means that all is recorded. */
export function takenOf(batch: readonly Delivery[], answer: string): Taken {
  const named = parsed(answer);
  const refused = remaining(batch, named["refused"]);
  const left = remaining(batch, named["left"]);
  const all = countOf(batch);
  return { recorded: all - countOf(refused) - countOf(left), refused, left };
}

/** How many results there are in deliveries. */
export function countOf(deliveries: readonly Delivery[]): number {
  return deliveries.reduce((sum, { texts }) => sum + texts.length, 0);
}

function parsed(answer: string): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(answer) as unknown;
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Not an answer of ours, but one of success.
  }
  return {};
}

/** The deliveries that `list` names, with the results that it names. @throws Error if it has another form */
function remaining(batch: readonly Delivery[], list: unknown): readonly Remaining[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) throw malformed();
  return list.map((item: unknown): Remaining => {
    const { queue, entry, results, now } = Object(item) as Readonly<Record<string, unknown>>;
    const delivery = batch.find((each) => each.queue === queue && each.entry === entry);
    if (delivery === undefined || !Array.isArray(results)) throw malformed();
    const texts = results.map((place: unknown) => {
      const text = delivery.texts[Number(place)];
      if (text === undefined) throw malformed();
      return text;
    });
    const stands = typeof now === "string" ? now : delivery.entry;
    return { queue: delivery.queue, entry: stands, texts, of: delivery };
  });
}

function malformed(): Error {
  return new Error(
    "expected an answer whose refused and left name deliveries of the request; " +
      "function and subscriber must run the same version of Signalbox",
  );
}
