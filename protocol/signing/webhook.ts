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

/**
 * Checks a signed request. Compares in constant time (`crypto.subtle.verify`). If the sender names no key, as in the
 * standard, all keys are tried.
 * @param message `header` reads a request header; `nowMs` is the time, in milliseconds since 1970
 * @returns `null` if the request is genuine, else what was expected
 * @example
 * const problem = await verify(keys, { header: (name) => c.req.header(name), body, nowMs: Date.now() });
 * if (problem !== null) return c.text(problem, 401);
 */
export async function verify(
  keys: SigningKeys,
  message: {
    readonly header: (name: keyof SignatureHeaders) => string | undefined;
    readonly body: string;
    readonly nowMs: number;
  },
): Promise<string | null> {
  const id = message.header("webhook-id");
  const timestamp = message.header("webhook-timestamp");
  const signatures = message.header("webhook-signature");
  if (!id || !timestamp || !signatures) {
    return "expected the headers webhook-id, webhook-timestamp and webhook-signature";
  }
  if (!/^\d{1,12}$/.test(timestamp))
    return "expected webhook-timestamp in whole seconds since 1970";
  if (Math.abs(message.nowMs / 1000 - Number(timestamp)) > toleranceSeconds) {
    return `expected webhook-timestamp within ${toleranceSeconds} seconds of now`;
  }
  const candidates = candidateKeys(keys, message.header("signalbox-key-id"));
  if (typeof candidates === "string") return candidates;
  const content = encoder.encode(`${id}.${timestamp}.${message.body}`);
  // At most eight candidates: each costs one HMAC for every key.
  for (const candidate of signatures.split(" ").slice(0, 8)) {
    if (!candidate.startsWith("v1,")) continue;
    let mac: Uint8Array<ArrayBuffer>;
    try {
      mac = fromBase64(candidate.slice(3));
    } catch {
      continue;
    }
    for (const key of candidates) {
      if (await crypto.subtle.verify("HMAC", key, mac, content)) return null;
    }
  }
  return "expected a v1 signature made with the shared secret";
}

/** The keys to try; what was expected, if none can be right. */
function candidateKeys(keys: SigningKeys, id: string | undefined): readonly CryptoKey[] | string {
  if (id === undefined || id === "") return keys.map(({ key }) => key);
  if (!keyIdPattern.test(id)) return "expected the id of a key in signalbox-key-id";
  const named = findKey(keys, id);
  return named === undefined ? `expected a key that is known here, got the id ${id}` : [named];
}
