/**
 * Standard Webhooks signatures (https://www.standardwebhooks.com): HMAC-SHA-256 over
 * `<id>.<timestamp>.<body>`. Web Crypto rather than the `standardwebhooks` package: that hashes in
 * JavaScript, which for a callback of 1 MiB takes longer than a free Worker may compute. The package
 * is what the tests compare with.
 */
import { SignalboxError } from "./error.ts";

/** How far the sender's clock may be off, in seconds. */
export const toleranceSeconds = 300;

/** The three headers of a signed request. */
export interface SignatureHeaders {
  readonly "webhook-id": string;
  readonly "webhook-timestamp": string;
  readonly "webhook-signature": string;
}

/** Signing keys: the first signs, all verify, so that keys can be rotated. */
export type SigningKeys = readonly [CryptoKey, ...CryptoKey[]];

const encoder = new TextEncoder();

/**
 * Reads `whsec_<base64>` secrets of 24 to 64 bytes, separated by spaces: the current one first.
 * @throws SignalboxError `config_invalid`; the message does not show the secret
 */
export async function importSigningKeys(secrets: string): Promise<SigningKeys> {
  const [first, ...others] = await Promise.all(secrets.split(/\s+/).filter(Boolean).map(importKey));
  if (first === undefined) throw invalidSecret();
  return [first, ...others];
}

async function importKey(secret: string): Promise<CryptoKey> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = fromBase64(secret.replace(/^whsec_/, ""));
  } catch {
    throw invalidSecret();
  }
  if (!secret.startsWith("whsec_") || bytes.length < 24 || bytes.length > 64) throw invalidSecret();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign", "verify"]);
}

function invalidSecret(): SignalboxError {
  return new SignalboxError(
    "config_invalid",
    "SIGNALBOX_SIGNING_SECRET: expected whsec_ followed by 24 to 64 bytes in base64; make one with: " +
      `node -p '"whsec_"+crypto.randomBytes(32).toString("base64")'`,
  );
}

/** Signs `body` under message id `id` at `nowMs` (milliseconds since 1970). */
export async function sign(
  keys: SigningKeys,
  message: { readonly id: string; readonly body: string; readonly nowMs: number },
): Promise<SignatureHeaders> {
  const timestamp = String(Math.floor(message.nowMs / 1000));
  const content = encoder.encode(`${message.id}.${timestamp}.${message.body}`);
  const mac = await crypto.subtle.sign("HMAC", keys[0], content);
  return {
    "webhook-id": message.id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${toBase64(new Uint8Array(mac))}`,
  };
}

/**
 * Checks a signed request. Compares in constant time (`crypto.subtle.verify`).
 * @param header reads a request header
 * @returns `null` if it is genuine, else what was expected
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
  const content = encoder.encode(`${id}.${timestamp}.${message.body}`);
  // A bounded number of candidates: each costs one HMAC per key.
  for (const candidate of signatures.split(" ").slice(0, 8)) {
    if (!candidate.startsWith("v1,")) continue;
    let mac: Uint8Array<ArrayBuffer>;
    try {
      mac = fromBase64(candidate.slice(3));
    } catch {
      continue;
    }
    for (const key of keys) {
      if (await crypto.subtle.verify("HMAC", key, mac, content)) return null;
    }
  }
  return "expected a v1 signature made with the shared secret";
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
