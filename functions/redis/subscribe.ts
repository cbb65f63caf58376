/**
 * Listens to one Redis channel over server-sent events, for as long as one request waits.
 *
 * `fetch` rather than the client's `subscribe`: that tells neither that its stream has ended nor
 * that reading it failed (it prints instead), and gives up on a line of more than 1 MiB. Here the
 * stream is searched as it arrives and nothing of it is kept, whatever the size of a message.
 */
import { SignalboxError } from "../../protocol/error.ts";
import { refusal } from "./upstash.ts";

/** An open subscription. Must be closed. */
export interface Subscription {
  /**
   * Resolves with true at the next message that may speak of job `id`, with false when the stream
   * has ended or was aborted. A payload that quotes an id can make it true too early: look, then
   * listen again.
   */
  mentions(id: string): Promise<boolean>;
  close(): Promise<void>;
}

/** Which channel of which Redis. */
export interface Source {
  readonly url: string;
  readonly token: string;
  /** Holds no comma: the REST API separates by commas. */
  readonly channel: string;
}

/**
 * Resolves once subscribed: what is published from then on is heard.
 * @throws SignalboxError `redis_unavailable` (also when aborted before it was subscribed), `redis_refused`
 */
export async function subscribe(
  { url, token, channel }: Source,
  signal: AbortSignal,
): Promise<Subscription> {
  const control = new AbortController();
  const response = await fetch(
    `${url.replace(/\/$/, "")}/subscribe/${encodeURIComponent(channel)}`,
    {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, accept: "text/event-stream" },
      signal: AbortSignal.any([signal, control.signal]),
    },
  ).catch((cause: unknown) => {
    throw unavailable({ cause });
  });
  if (!response.ok || response.body === null) throw await refused(response);

  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  // What has arrived and may still hold the start of something sought.
  let tail = "";

  /** Reads on until one of `needles` has gone by. False: the stream has ended. */
  async function seek(needles: readonly string[]): Promise<boolean> {
    const keep = Math.max(...needles.map((needle) => needle.length)) - 1;
    for (;;) {
      const found = needles
        .map((needle) => ({ at: tail.indexOf(needle), length: needle.length }))
        .filter(({ at }) => at >= 0)
        .sort((a, b) => a.at - b.at)[0];
      if (found !== undefined) {
        tail = tail.slice(found.at + found.length);
        return true;
      }
      if (keep < tail.length) tail = tail.slice(tail.length - keep);
      const { done, value } = await reader.read();
      if (done) return false;
      tail += decoder.decode(value, { stream: true });
    }
  }

  async function close(): Promise<void> {
    control.abort();
    // Closing cannot fail in a way that matters.
    await reader.cancel().catch(() => undefined);
  }

  const subscribed = await seek([`subscribe,${channel},`]).catch(() => false);
  if (!subscribed) {
    await close();
    throw unavailable();
  }
  return {
    // A message of Signalbox names the id in JSON; one of a foreign node may be the bare id.
    mentions: (id) => seek([`"id":"${id}"`, `,${id}\n`, `,${id}\r`]).catch(() => false),
    close,
  };
}

async function refused(response: Response): Promise<SignalboxError> {
  const text = await response.text().catch(() => "");
  if (response.status >= 500) return unavailable();
  return refusal(/"error"\s*:\s*"([^"]*)"/.exec(text)?.[1] ?? `status ${response.status}`);
}

function unavailable(options?: ErrorOptions): SignalboxError {
  return new SignalboxError(
    "redis_unavailable",
    "expected the Redis REST API to take a subscription; ask again, or without wait",
    options,
  );
}
