/**
 * Standard Webhooks signatures (https://www.standardwebhooks.com): HMAC-SHA-256 over `<id>.<timestamp>.<body>`. Uses Web
 * Crypto rather than the `standardwebhooks` package, which hashes in JavaScript: for a callback of 1 MiB that takes longer
 * than a free Worker may compute. The tests compare with the package.
 */
import { fromBase64, toBase64 } from "./base64.ts";
import { findKey, keyIdPattern, type SigningKeys } from "./keys.ts";

/** How far the sender's clock may be off, in seconds. */
export const toleranceSeconds = 300;

/** The headers of a signed request: those of the standard, and the id of the key that signed. */
export interface SignatureHeaders {
  readonly "webhook-id": string;
  readonly "webhook-timestamp": string;
  readonly "webhook-signature": string;
  readonly "signalbox-key-id": string;
}

const encoder = new TextEncoder();

/**
 * Signs `body` with the current key under message id `id` at `nowMs` (milliseconds since 1970).
 * @example
 * const headers = await sign(keys, { id: "msg_1", body, nowMs: Date.now() });
 * await fetch(url, { method: "POST", body, headers: { ...headers } });
 */
export async function sign(
  keys: SigningKeys,
  message: { readonly id: string; readonly body: string; readonly nowMs: number },
): Promise<SignatureHeaders> {
  const timestamp = String(Math.floor(message.nowMs / 1000));
  const content = encoder.encode(`${message.id}.${timestamp}.${message.body}`);
  const [current] = keys;
  const mac = await crypto.subtle.sign("HMAC", current.key, content);
  return {
    "webhook-id": message.id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${toBase64(new Uint8Array(mac))}`,
    "signalbox-key-id": current.id,
  };
}

/** A request that may be signed. */
export interface ReceivedMessage {
  /** Reads a request header. */
  readonly header: (name: keyof SignatureHeaders) => string | undefined;
  readonly body: string;
  /** The time, in milliseconds since 1970. */
  readonly nowMs: number;
}

/** Signatures beyond this number are not looked at: each costs one HMAC for every key. */
const maxCandidates = 8;
/** Standard Webhooks ids are short; this one is part of what is hashed. */
const maxIdLength = 256;

/**
 * What is wrong with the headers alone, before the body is received: one that is missing or malformed, a time that is too
 * far off, a key that is not known. `null` if the request may be genuine; only `verify` tells whether it is.
 * @example
 * const wrong = wrongHeaders(keys, { header: (name) => c.req.header(name), nowMs: Date.now() });
 * if (wrong !== null) return c.text(wrong, 401);
 */
export function wrongHeaders(
  keys: SigningKeys,
  { header, nowMs }: Omit<ReceivedMessage, "body">,
): string | null {
  const id = header("webhook-id");
  const timestamp = header("webhook-timestamp");
  const signatures = header("webhook-signature");
  if (!id || !timestamp || !signatures) {
    return "expected the headers webhook-id, webhook-timestamp and webhook-signature";
  }
  if (id.length > maxIdLength) return `expected webhook-id of at most ${maxIdLength} characters`;
  if (!/^\d{1,12}$/.test(timestamp))
    return "expected webhook-timestamp in whole seconds since 1970";
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > toleranceSeconds) {
    return `expected webhook-timestamp within ${toleranceSeconds} seconds of now`;
  }
  if (candidatesOf(signatures).length === 0) return noSignature;
  const candidates = candidateKeys(keys, header("signalbox-key-id"));
  return typeof candidates === "string" ? candidates : null;
}

const noSignature = "expected a v1 signature made with the shared secret";

/** The signatures that have the form of one: `v1,` and the base64 of 32 bytes. */
function candidatesOf(signatures: string): readonly string[] {
  return signatures
    .split(" ", maxCandidates)
    .filter((each) => /^v1,[A-Za-z0-9+/]{43}=?$/.test(each))
    .map((each) => each.slice(3));
}

/**
 * Checks a signed request. Compares in constant time (`crypto.subtle.verify`). If the sender names no key, as in the
 * standard, all keys are tried.
 * @returns `null` if the request is genuine, else what was expected
 * @example
 * const problem = await verify(keys, { header: (name) => c.req.header(name), body, nowMs: Date.now() });
 * if (problem !== null) return c.text(problem, 401);
 */
export async function verify(keys: SigningKeys, message: ReceivedMessage): Promise<string | null> {
  const wrong = wrongHeaders(keys, message);
  if (wrong !== null) return wrong;
  const { header, body } = message;
  const candidates = candidateKeys(keys, header("signalbox-key-id"));
  if (typeof candidates === "string") return candidates;
  const signed = `${header("webhook-id") ?? ""}.${header("webhook-timestamp") ?? ""}.${body}`;
  const content = encoder.encode(signed);
  for (const candidate of candidatesOf(header("webhook-signature") ?? "")) {
    for (const key of candidates) {
      if (await crypto.subtle.verify("HMAC", key, fromBase64(candidate), content)) return null;
    }
  }
  return noSignature;
}

/** The keys to try; what was expected, if none can be right. */
function candidateKeys(keys: SigningKeys, id: string | undefined): readonly CryptoKey[] | string {
  if (id === undefined || id === "") return keys.map(({ key }) => key);
  if (!keyIdPattern.test(id)) return "expected the id of a key in signalbox-key-id";
  const named = findKey(keys, id);
  return named === undefined ? `expected a key that is known here, got the id ${id}` : [named];
}
