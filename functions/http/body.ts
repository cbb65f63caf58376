/**
 * Request bodies. They are counted while they arrive, so that one that is too large is never held in memory, and checked for
 * depth before they are parsed. Numbers that JavaScript would change are refused. `Content-Type` is ignored: a body is JSON or is refused, and `curl -d` calls every body a
 * form.
 */
import { SignalboxError } from "../../protocol/error.ts";
import { jsonDepth } from "../../protocol/wire/json.ts";
import { inexactNumber, inexactNumberText } from "../../protocol/wire/json-numbers.ts";

/** Limits of a body. */
export interface BodyLimits {
  readonly maxBytes: number;
  /** How deeply arrays and objects may be nested in the whole body. */
  readonly maxDepth: number;
}

/**
 * How much of a body that is too large is still received: a caller that is cut off while it sends sees a broken connection,
 * not the answer, and sends the body again.
 */
const maxDroppedBytes = 33_554_432;

/**
 * The body's value and its text.
 * @throws SignalboxError `body_too_large`, `body_too_deep`, `body_not_json`, `invalid_request` for a number that would be
 *   read as another
 */
export async function readJson(
  request: Request,
  { maxBytes, maxDepth }: BodyLimits,
): Promise<{ readonly text: string; readonly value: unknown }> {
  const text = await readText(request, maxBytes);
  const depth = jsonDepth(text);
  if (depth > maxDepth) {
    throw new SignalboxError(
      "body_too_deep",
      `expected at most ${maxDepth} levels of arrays and objects in the body, got ${depth}`,
    );
  }
  const value = parseJson(text);
  const inexact = inexactNumber(text, value);
  if (inexact !== null) throw new SignalboxError("invalid_request", inexactNumberText(inexact));
  return { text, value };
}

/** @throws SignalboxError `body_not_json` */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const got = text === "" ? "an empty one" : "text that is none";
    throw new SignalboxError("body_not_json", `expected a body of JSON, got ${got}`, { cause });
  }
}

/** @throws SignalboxError `body_too_large`, `body_not_json` (not UTF-8), `body_consumed` */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  requireUnread(request);
  // Number(null) is 0; a header that is not a number is left to the count below.
  if (Number(request.headers.get("content-length")) > maxBytes) throw tooLarge(maxBytes);
  if (request.body === null) return "";

  // A byte order mark is kept: the signature covers it, and JSON does not allow it.
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  let bytes = 0;
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decode(decoder);
    bytes += value.byteLength;
    if (bytes > maxBytes) {
      await drop(reader);
      throw tooLarge(maxBytes);
    }
    text += decode(decoder, value);
  }
}

/** Receives and discards the rest, up to a limit. */
async function drop(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  for (let bytes = 0; bytes <= maxDroppedBytes;) {
    const { done, value } = await reader.read();
    if (done) return;
    bytes += value.byteLength;
  }
  await reader.cancel();
}

function decode(decoder: TextDecoder, bytes?: Uint8Array): string {
  try {
    return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
  } catch (cause) {
    throw new SignalboxError("body_not_json", "expected a body in UTF-8", { cause });
  }
}

function tooLarge(maxBytes: number): SignalboxError {
  return new SignalboxError("body_too_large", `expected a body of at most ${maxBytes} bytes`);
}

/**
 * A body can be received once.
 * @throws SignalboxError `body_consumed` where something before this has taken it
 */
export function requireUnread(request: Request): void {
  if (!request.bodyUsed && request.body?.locked !== true) return;
  throw new SignalboxError(
    "body_consumed",
    "expected a body that nobody has read; a middleware before Signalbox did: let it read a clone, c.req.raw.clone(), " +
      "or c.req.text(), c.req.json() or c.req.arrayBuffer() of Hono, which keep what they read",
  );
}
