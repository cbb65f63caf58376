/**
 * Signatures of jobs: what was asked for at dispatch, signed there and checked before it is run, so that whoever can
 * write to Redis, or publish on a node's channel, cannot have anything run that was not asked for. Signed is what never
 * changes (see "Signed jobs" in `docs/protocol.md`), and not the delivery: one signature holds for all attempts, and a
 * job can be sent again.
 */
import { fromBase64, toBase64 } from "./base64.ts";
import type { Envelope } from "../wire/messages.ts";
import { contentOf, type JobBody } from "../wire/job.ts";
import { canonicalJson } from "../wire/json.ts";
import { findKey, keyIdPattern, type SigningKeys } from "./keys.ts";

/** What is signed: a job, or what each run of a schedule is. */
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
  /** The only node that may run it, if there is but one. */
  readonly node?: string;
  /** Base64. */
  readonly mac: string;
}

/** Signs jobs with the current one of its keys. */
export interface JobSigner {
  /** Id of that key. */
  readonly keyId: string;
  readonly sign: (content: SignedContent) => Promise<JobSignature>;
}

/** Resolves to `null` if the job may run, else to what was expected. Never rejects. */
export type JobVerifier = (envelope: Envelope) => Promise<string | null>;

/** Makes a signer. */
export function createJobSigner([{ id, key }]: SigningKeys): JobSigner {
  return {
    keyId: id,
    async sign(content) {
      const mac = await crypto.subtle.sign("HMAC", key, signedBytes(content));
      const { node } = content;
      return {
        ...{ key: id, mac: toBase64(new Uint8Array(mac)) },
        ...(node === null ? {} : { node }),
      };
    },
  };
}

/** Makes a verifier that accepts what any of `keys` signed; it compares in constant time. */
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

/** JSON can say numbers that no JSON text of ours has: 1e999 is written as null, and -0 as 0, which may be signed. */
function isExact(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  return typeof value !== "object" || value === null || Object.values(value).every(isExact);
}

const encoder = new TextEncoder();

function signedBytes({ subject, queue, name, node, body }: SignedContent): Uint8Array<ArrayBuffer> {
  const content = {
    ...subject,
    ...{ queue, name },
    ...(node === null ? {} : { node }),
    ...contentOf(body),
  };
  // The first word sets it apart from a callback, should somebody use one secret for both.
  return encoder.encode(`signalbox-job-1 ${canonicalJson(content)}`);
}

/** Runs are made by scripts, which cannot sign: their schedule is what was signed, and their ids begin with its id. */
function subjectOf({ id, schedule }: Envelope): SignedContent["subject"] | null {
  if (schedule === undefined) return { job: id };
  const of = (schedule as { readonly id?: unknown } | null)?.id;
  return typeof of === "string" && !of.includes("@") && id.startsWith(`${of}@`)
    ? { schedule: of }
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
