/**
 * Reads secrets from settings into keys that are known by ids. A signer names its key's id, so that keys can be exchanged
 * on one side at a time, and so that a refusal can say which key is missing.
 */
import { SignalboxError } from "../error.ts";
import { fromBase64 } from "./base64.ts";

/**
 * A key for HMAC-SHA-256.
 * @example const [current]: readonly SigningKey[] = await importSigningKeys(secret);
 */
export interface SigningKey {
  /** Not secret. Given in the setting, or derived from the secret: eight hexadecimal digits. */
  readonly id: string;
  readonly key: CryptoKey;
}

/**
 * The keys of one setting. The first is the current one: it signs. All verify, so that keys can be rotated.
 * @example const keys: SigningKeys = await importSigningKeys("new:whsec_… old:whsec_…");
 */
export type SigningKeys = readonly [SigningKey, ...SigningKey[]];

/** A setting that holds secrets of this form. */
export type SecretSetting = "SIGNALBOX_SIGNING_SECRET" | "SIGNALBOX_ENVELOPE_SECRET";

/** What the id of a key looks like. */
export const keyIdPattern: RegExp = /^[A-Za-z0-9._-]{1,32}$/;

const encoder = new TextEncoder();
const idText = encoder.encode("signalbox key id");

/**
 * Reads secrets: `whsec_<base64>` of 24 to 64 bytes or `<id>:whsec_<base64>`, separated by spaces, the current one first.
 * @param setting the name of the setting, for the error message
 * @throws SignalboxError `config_invalid`; the message does not show the secret
 * @example const keys = await importSigningKeys(process.env.SIGNALBOX_SIGNING_SECRET ?? "");
 */
export async function importSigningKeys(
  secrets: string,
  setting: SecretSetting = "SIGNALBOX_SIGNING_SECRET",
): Promise<SigningKeys> {
  const words = secrets.split(/\s+/).filter(Boolean);
  const [first, ...others] = await Promise.all(words.map((word) => importKey(word, setting)));
  if (first === undefined) throw invalidSecret(setting);
  const keys: SigningKeys = [first.key, ...others.map(({ key }) => key)];
  // The same secret twice does no harm; of two secrets with one id, only the first would ever be found by it.
  const secretOf = new Map<string, string>();
  for (const { key, secret } of [first, ...others]) {
    if ((secretOf.get(key.id) ?? secret) !== secret) {
      const message = `${setting}: expected another id for each secret; two have the id ${key.id}`;
      throw new SignalboxError("config_invalid", message);
    }
    secretOf.set(key.id, secret);
  }
  return keys;
}

/** The key of that id, if it is among `keys`. */
export function findKey(keys: SigningKeys, id: string): CryptoKey | undefined {
  return keys.find((each) => each.id === id)?.key;
}

async function importKey(
  word: string,
  setting: SecretSetting,
): Promise<{ readonly key: SigningKey; readonly secret: string }> {
  const [, id, secret] = /^(?:([^:]*):)?whsec_([^:]*)$/.exec(word) ?? [];
  if (secret === undefined || (id !== undefined && !keyIdPattern.test(id))) {
    throw invalidSecret(setting);
  }
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = fromBase64(secret);
  } catch {
    throw invalidSecret(setting);
  }
  if (bytes.length < 24 || bytes.length > 64) throw invalidSecret(setting);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign", "verify"]);
  return { key: { id: id ?? (await derivedId(key)), key }, secret };
}

/** 32 bits of a MAC reveal nothing about a secret of 192 bits or more. */
async function derivedId(key: CryptoKey): Promise<string> {
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, idText));
  return [...mac.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function invalidSecret(setting: SecretSetting): SignalboxError {
  return new SignalboxError(
    "config_invalid",
    `${setting}: expected whsec_ followed by 24 to 64 bytes in base64, after <id>: if you name it (1 to 32 of ` +
      "A-Z a-z 0-9 . _ -); make one with: " +
      `node -p '"whsec_"+crypto.randomBytes(32).toString("base64")'`,
  );
}
