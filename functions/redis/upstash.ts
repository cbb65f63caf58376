/**
 * The Redis port over HTTP. Nothing is sent twice here (see `retry-once.ts`), and what Redis or the
 * network said is cut down to its first words: the client puts the whole command, payloads
 * included, into its error messages.
 */
import { errors, Redis } from "@upstash/redis/cloudflare";
import { SignalboxError } from "../../protocol/error.ts";
import { redisErrorCode, redisErrorTraits } from "../../protocol/redis/errors.ts";
import type { Call, RedisPort, Reply } from "../../protocol/redis/port.ts";

/** Where Redis is and how long an answer may take. */
export interface UpstashOptions {
  readonly url: string;
  readonly token: string;
  /** From the request's start to the answer's end, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * The client's typed commands cannot send arbitrary calls in one request; the requester under them can.
 */
class RawRedis extends Redis {
  readonly requester = this.client;
}

/** One call is one request; several are one request to `/pipeline`, and seldom a second one: see `toCommands`. */
export function createUpstash({ url, token, timeoutMs }: UpstashOptions): RedisPort {
  const { requester } = new RawRedis({
    url,
    token,
    retry: { retries: 0 },
    enableAutoPipelining: false,
    automaticDeserialization: false,
    enableTelemetry: false,
    // Everything stored is UTF-8, and base64 costs a third more bytes and a loop over each of them.
    responseEncoding: false,
    // A function: with a plain signal an aborted command resolves as if it had succeeded.
    signal: () => AbortSignal.timeout(timeoutMs),
  });

  let keepsScripts = true;

  async function ask(body: unknown, path: string[] = []): Promise<unknown> {
    try {
      return await requester.request({ body, path });
    } catch (cause) {
      throw failure(cause);
    }
  }

  async function askAll(commands: readonly (readonly string[])[]): Promise<readonly unknown[]> {
    if (commands.length === 0) return [];
    const answers =
      commands.length === 1 ? [await ask(commands[0])] : await ask(commands, ["pipeline"]);
    if (!Array.isArray(answers) || answers.length !== commands.length) throw unexpected();
    return answers as unknown[];
  }

  return {
    async send(calls: readonly Call[]): Promise<readonly Reply[]> {
      const commands = keepsScripts ? await toCommands(calls) : calls.map(toCommand);
      const answers = await askAll(commands);
      // Those that name a script which is not loaded after all did nothing.
      const unknown = answers.flatMap((answer, at) => (isUnknownScript(answer) ? [at] : []));
      // Once, so that a tick makes one request more and not twice as many.
      if (unknown.length > 0) keepsScripts = false;
      const texts = calls.filter((_, at) => unknown.includes(at)).map(toCommand);
      const again = await askAll(texts);
      return answers.map((answer, at) => {
        const place = unknown.indexOf(at);
        return toReply(place < 0 ? answer : again[place]);
      });
    },
  };
}

/**
 * The first call of a script takes its text along, which loads it; the others in the request name it by its digest. The
 * texts for a hundred queues were 45 of a tick's 50 ms of CPU.
 */
async function toCommands(calls: readonly Call[]): Promise<readonly (readonly string[])[]> {
  const sent = new Set<string>();
  return Promise.all(
    calls.map(async (call) => {
      if ("command" in call || !sent.has(call.script.lua)) {
        if ("script" in call) sent.add(call.script.lua);
        return toCommand(call);
      }
      const digest = await digestOf(call.script.lua);
      return ["EVALSHA", digest, String(call.keys.length), ...call.keys, ...call.args];
    }),
  );
}

/** Plain `EVAL`: one trip, whether the script is loaded or not. */
function toCommand(call: Call): readonly string[] {
  if ("command" in call) return call.command;
  return ["EVAL", call.script.lua, String(call.keys.length), ...call.keys, ...call.args];
}

/** By script; there are as many as scripts. */
const digests = new Map<string, string>();

/** SHA-1, as Redis names scripts. */
async function digestOf(lua: string): Promise<string> {
  const known = digests.get(lua);
  if (known !== undefined) return known;
  const bytes = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(lua));
  const digest = [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0"));
  digests.set(lua, digest.join(""));
  return digest.join("");
}

function isUnknownScript(answer: unknown): boolean {
  if (typeof answer !== "object" || answer === null || !("error" in answer)) return false;
  return typeof answer.error === "string" && redisErrorCode(answer.error) === "NOSCRIPT";
}

function toReply(answer: unknown): Reply {
  if (typeof answer !== "object" || answer === null) throw unexpected();
  const { result, error } = answer as { result?: Reply; error?: unknown };
  if (typeof error === "string") throw refusal(error);
  if (result === undefined) throw unexpected();
  return result;
}

/** What the client threw. Its own errors are not kept as a cause: they hold the command. */
function failure(cause: unknown): SignalboxError {
  if (cause instanceof errors.UpstashJSONParseError) {
    return unavailable("expected JSON from the Redis REST API, got something else");
  }
  if (cause instanceof errors.UpstashError) {
    return refusal(cause.message.split(", command was: ", 1)[0] ?? "");
  }
  const timedOut = cause instanceof Error && cause.name === "TimeoutError";
  return unavailable(
    timedOut ? "expected Redis to answer in time" : "expected to reach the Redis REST API",
    { cause },
  );
}

/** What the REST API in front of Redis says when it cannot serve now; `protocol/redis/errors.ts` has what Redis says. */
const restTransient =
  /^ERR (?:Redis cannot be reached|the connection to Redis was lost|internal error|max \S.* exceeded)/;

/** An error reply of Redis, or of the REST API in front of it. */
export function refusal(text: string): SignalboxError {
  const shown = text.slice(0, 200);
  if (redisErrorTraits(shown).isTransient || restTransient.test(shown))
    return unavailable(`expected a Redis that can serve, it says: ${shown}`);
  return new SignalboxError(
    "redis_refused",
    `expected Redis to take the command; it says: ${shown}`,
  );
}

function unavailable(what: string, options?: ErrorOptions): SignalboxError {
  return new SignalboxError(
    "redis_unavailable",
    `${what}; it may or may not have been done, so try again: a job with the same id is not made twice`,
    options,
  );
}

function unexpected(): SignalboxError {
  return new SignalboxError(
    "reply_unexpected",
    "expected one result per command from the Redis REST API, got something else",
  );
}
