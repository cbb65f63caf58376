/**
 * One call of the API: headers, time-out, tries again where they are safe, and errors by code. Knows no route.
 */
import type { FieldProblem } from "../protocol/api/problem.ts";
import type { ErrorCode } from "../protocol/error.ts";
import { jsonProblem, jsonProblemText } from "../protocol/wire/json.ts";
import { omitUndefined } from "../protocol/wire/omit-undefined.ts";
import { isWholeFrom, showValue } from "../protocol/wire/whole.ts";
import { SignalboxApiError } from "./error.ts";
import type { CallOptions } from "./order.ts";

/**
 * Which function to call, and with which token.
 * @example const options: ClientOptions = { url: "https://signalbox.example.workers.dev", token, tries: 2 };
 */
export interface ClientOptions {
  /** Where Signalbox is mounted, such as `https://signalbox.example.workers.dev`; a path is kept. */
  readonly url: string;
  readonly token: string;
  /** @default the runtime's own */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** For a call without a time-out of its own, in milliseconds above 0; `Infinity` for none. @default 30_000 */
  readonly timeoutMs?: number;
  /** How often a call is made in all, where repeating it is safe: 1 to 1,000. @default 4 */
  readonly tries?: number;
}

/** One request. */
export interface Call extends CallOptions {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether making it twice does no more than making it once. */
  readonly isRepeatSafe: boolean;
}

/** An answer with a 2xx status. */
export interface Answer {
  readonly body: unknown;
}

/** See `createRequest`. */
export type Request = (call: Call) => Promise<Answer>;

/** Opens an answer that is read while it arrives. The time-out covers only its beginning. */
export type Open = (call: Call) => Promise<Response>;

const defaultTimeoutMs = 30_000;
const defaultTries = 4;
/** The longest that a timer can hold, 24.8 days: a longer time-out ends then. */
const longestTimeoutMs = 2_147_483_647;
const firstPauseMs = 200;
/** Where the API asks for a longer pause than this, the call fails instead. */
const longestPauseMs = 10_000;
/** Statuses of failures that may pass. */
const passing: readonly number[] = [502, 503, 504];
/** Refused before anything was done: may be tried again, whatever the call is. */
const turnedAway = 429;

/** @throws TypeError for options that cannot work */
export function createRequest(options: ClientOptions): {
  readonly request: Request;
  readonly open: Open;
} {
  const { token, fetch: send = fetch, timeoutMs: standard = defaultTimeoutMs } = options;
  if (!/^https?:\/\//.test(options.url)) {
    throw new TypeError("expected url: where Signalbox is, beginning with http:// or https://");
  }
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new TypeError("expected token: visible ASCII characters, as the function has it");
  }
  if (!isDuration(standard)) {
    throw new TypeError(`expected timeoutMs: ${durationText}, got ${showValue(standard)}`);
  }
  if (options.tries !== undefined && !isWholeFrom(1, options.tries, 1_000)) {
    throw new TypeError(`expected tries: 1 to 1000, got ${showValue(options.tries)}`);
  }
  const base = options.url.replace(/\/+$/, "");
  const maxTries = options.tries ?? defaultTries;

  async function once(call: Call, sent: Sent): Promise<Response> {
    const query = Object.entries(call.query ?? {}).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    );
    const search = query.length === 0 ? "" : `?${new URLSearchParams(query).toString()}`;
    return send(`${base}${call.path}${search}`, {
      method: call.method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(sent.body === undefined ? {} : { "content-type": "application/json" }),
        ...call.headers,
      },
      ...sent,
    });
  }

  /** Makes a call, again while that is safe, within its time-out. */
  async function attempt<T>(call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    const text = bodyOf(call);
    const { signal, deadline, requireTime, clear } = limitOf(call, standard);
    const sent = omitUndefined({ signal, body: text }) satisfies Sent;
    const tryOnce = async (): Promise<
      { readonly value: T } | { readonly failure: SignalboxApiError }
    > => {
      try {
        const response = await once(call, sent);
        if (response.ok) return { value: await read(response) };
        return { failure: errorOf(response, await response.text()) };
      } catch (cause) {
        requireTime(cause);
        if (cause instanceof SignalboxApiError) throw cause;
        const detail = "expected an answer; none came";
        return { failure: new SignalboxApiError("network_failed", detail, { cause }) };
      }
    };
    try {
      call.signal?.throwIfAborted();
      // Whether a try whose answer was lost may have been carried out.
      let mayBeDone = false;
      for (let tries = 1; ; tries++) {
        const found = await tryOnce();
        if ("value" in found) return found.value;
        const { failure } = found;
        if (failure.status === 404 && call.method === "DELETE" && mayBeDone)
          return await read(new Response(null, { status: 204 }));
        const pauseMs = pause(tries, failure.retryAfter);
        const isInTime = pauseMs <= longestPauseMs && Date.now() + pauseMs < deadline;
        if (tries >= maxTries || !isInTime || !mayTryAgain(call, failure)) throw failure;
        mayBeDone ||= failure.status !== turnedAway;
        await sleep(pauseMs, signal);
        requireTime(failure);
      }
    } finally {
      clear();
    }
  }

  return {
    request: (call) =>
      attempt(call, async (response) => ({ body: parse(await response.text(), response.status) })),
    open: (call) => attempt(call, (response) => Promise.resolve(response)),
  };
}

/** What each try of a call sends besides its address and headers. */
interface Sent {
  readonly signal: AbortSignal;
  readonly body?: string;
}

/**
 * The body as text, made once for all tries.
 * @throws SignalboxApiError `invalid_request` for a value that JSON would change or cannot write
 */
function bodyOf({ body }: Call): string | undefined {
  if (body === undefined) return undefined;
  const problem = jsonProblem(body);
  if (problem === null) return JSON.stringify(body);
  throw new SignalboxApiError("invalid_request", jsonProblemText(problem));
}

const durationText = "a number of milliseconds above 0, or Infinity";

/** Fractions are fine: they come from subtracting times. */
function isDuration(value: unknown): boolean {
  return typeof value === "number" && value > 0;
}

/** What ends a call with all its tries: its time-out, or its signal. */
interface Limit {
  readonly signal: AbortSignal;
  /** When the time-out passes, in milliseconds since 1970. */
  readonly deadline: number;
  /** @throws SignalboxApiError `timed_out`, with `cause`, or the reason of the call's signal, once either has ended it */
  readonly requireTime: (cause?: unknown) => void;
  /** Stops the timer. */
  readonly clear: () => void;
}

function limitOf(call: Call, standardMs: number): Limit {
  const { timeoutMs = standardMs } = call;
  if (!isDuration(timeoutMs)) {
    const detail = `timeoutMs: expected ${durationText}, got ${showValue(timeoutMs)}`;
    throw new SignalboxApiError("invalid_request", detail);
  }
  const limitMs = Math.min(timeoutMs, longestTimeoutMs);
  // Not AbortSignal.timeout: that would end a stream long after it was opened.
  const limited = new AbortController();
  const timer = setTimeout(() => {
    limited.abort();
  }, limitMs);
  return {
    signal:
      call.signal === undefined ? limited.signal : AbortSignal.any([call.signal, limited.signal]),
    deadline: Date.now() + limitMs,
    requireTime(cause) {
      call.signal?.throwIfAborted();
      if (!limited.signal.aborted) return;
      const detail = `expected an answer within ${limitMs} ms`;
      throw new SignalboxApiError("timed_out", detail, { cause });
    },
    clear() {
      clearTimeout(timer);
    },
  };
}

/** Whether the failure may pass, and a second try does no more than the first one should have done. */
function mayTryAgain(call: Call, { status }: SignalboxApiError): boolean {
  if (status === turnedAway) return true;
  return call.isRepeatSafe && (status === 0 || passing.includes(status));
}

/** Half of it is random, so that callers that failed together do not return together. */
function pause(tries: number, retryAfter: number | undefined): number {
  if (retryAfter !== undefined) return retryAfter * 1_000 * (1 + Math.random() / 10);
  return firstPauseMs * 2 ** (tries - 1) * (0.5 + Math.random() / 2);
}

/** Resolves after `ms` or when `signal` aborts, whichever is first. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
    if (signal?.aborted === true) end();
  });
}

function parse(text: string, status: number): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const detail = "expected JSON, as Signalbox answers; is this its URL?";
    throw new SignalboxApiError("answer_unexpected", detail, { status, cause });
  }
}

/** The parts of a problem document that are read here. */
interface ProblemDocument {
  readonly code?: unknown;
  readonly detail?: unknown;
  readonly errors?: readonly FieldProblem[];
}

function errorOf(response: Response, text: string): SignalboxApiError {
  const { status } = response;
  let problem: ProblemDocument = {};
  try {
    problem = (JSON.parse(text) ?? {}) as ProblemDocument;
  } catch {
    // Something in between answered, such as a proxy with an HTML page.
  }
  const seconds = Number(response.headers.get("retry-after") || "none");
  const details = {
    status,
    ...(Number.isFinite(seconds) && seconds >= 0 ? { retryAfter: seconds } : {}),
    ...(Array.isArray(problem.errors) ? { fields: problem.errors } : {}),
  };
  if (typeof problem.code !== "string") {
    const detail = `expected an answer of Signalbox, got status ${status} of something else`;
    return new SignalboxApiError("answer_unexpected", detail, details);
  }
  const detail = typeof problem.detail === "string" ? problem.detail : "";
  return new SignalboxApiError(problem.code as ErrorCode, detail, details);
}
