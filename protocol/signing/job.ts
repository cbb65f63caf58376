/**
 * Signatures of jobs. What was dispatched is signed there and checked before it runs, so that an attacker who can write
 * to Redis, or publish on a node's channel, cannot have anything run that was not dispatched. The signature covers what
 * never changes (see "Signed jobs" in `docs/protocol.md`) and not the delivery: it holds for all attempts, and a job can
 * be sent again.
 */
import { contentOf, type JobBody } from "../wire/job.ts";
import { canonicalJson } from "../wire/json.ts";
import type { Envelope } from "../wire/messages.ts";
import { fromBase64, toBase64 } from "./base64.ts";
import { findKey, keyIdPattern, type SigningKeys } from "./keys.ts";

/** What is signed: a job, or what all runs of a schedule have in common. */
export interface SignedContent {
  readonly subject: { readonly job: string } | { readonly schedule: string };
  readonly queue: string;
  readonly name: string;
  /** The only node that may run it; `null` for any. */
  readonly node: string | null;
  readonly body: JobBody;
}

/** The field `signature` of an envelope. */
export interface JobSignature {
  /** Id of the key. */
  readonly key: string;
  /** The only node that may run it; absent if any may. */
  readonly node?: string;
  /** Base64. */
  readonly mac: string;
}

/** Signs jobs with the current key. */
export interface JobSigner {
  /** Id of that key. */
  readonly keyId: string;
  readonly sign: (content: SignedContent) => Promise<JobSignature>;
}

/** Checks a job before it runs. Resolves to `null` if it may run, else to what was expected. Never rejects. */
export type JobVerifier = (envelope: Envelope) => Promise<string | null>;

/** Makes a signer that uses the first of `keys`. */
export function createJobSigner([{ id, key }]: SigningKeys): JobSigner {
  return {
    keyId: id,
    async sign(content) {
      const mac = await crypto.subtle.sign("HMAC", key, signedBytes(content));
      const { node } = content;
      const signature = { key: id, mac: toBase64(new Uint8Array(mac)) };
      return node === null ? signature : { ...signature, node };
    },
  };
}

/** Makes a verifier that accepts what any of `keys` signed. It compares in constant time. */
export function createJobVerifier(keys: SigningKeys): JobVerifier {
  return async (envelope) => {
    const { signature, queue, name } = envelope;
    if (!isSignature(signature)) return "expected a signed job";
    const { node = null } = signature;
    if (node !== null && node !== envelope.node)
      return "expected a job that was meant for this node";
    const subject = subjectOf(envelope);
    if (subject === null) return "expected a run whose id is that of its schedule";
    const key = findKey(keys, signature.key);
    if (key === undefined)
      return `expected a job signed with a key that is known here, got the id ${signature.key}`;
    try {
      const bytes = signedBytes({ subject, queue, name, node, body: envelope });
      if (
        isExact(envelope) &&
        (await crypto.subtle.verify("HMAC", key, fromBase64(signature.mac), bytes))
      )
        return null;
    } catch {
      // Not base64, or nested more deeply than anything that was signed.
    }
    return `expected the content and the place that key ${signature.key} signed`;
  };
}

/**
 * Whether every number is one that `JSON.stringify` writes as it is. JSON text can hold others: 1e999 is read as
 * Infinity, which canonical JSON writes as null, and -0 is written as 0. A signature of null or 0 must not cover those.
 */
function isExact(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  return typeof value !== "object" || value === null || Object.values(value).every(isExact);
}

const encoder = new TextEncoder();

function signedBytes({ subject, queue, name, node, body }: SignedContent): Uint8Array<ArrayBuffer> {
  const content = {
    ...subject,
    queue,
    name,
    ...(node === null ? {} : { node }),
    ...contentOf(body),
  };
  // The first word tells it from a signed callback, in case one secret is used for both.
  return encoder.encode(`signalbox-job-1 ${canonicalJson(content)}`);
}

/** Scripts make runs and cannot sign: the schedule was signed in their place, and the ids of its runs begin with its id. */
function subjectOf({ id, schedule }: Envelope): SignedContent["subject"] | null {
  if (schedule === undefined) return { job: id };
  // Checked as a value of any type: the envelope is not trusted yet.
  const scheduleId = (schedule as { readonly id?: unknown } | null)?.id;
  return typeof scheduleId === "string" &&
    !scheduleId.includes("@") &&
    id.startsWith(`${scheduleId}@`)
    ? { schedule: scheduleId }
    : null;
}

function isSignature(value: unknown): value is JobSignature {
  if (typeof value !== "object" || value === null) return false;
  const { key, mac, node } = value as Readonly<Record<string, unknown>>;
  return (
    typeof key === "string" &&
    keyIdPattern.test(key) &&
    typeof mac === "string" &&
    (node === undefined || typeof node === "string")
  );
}
