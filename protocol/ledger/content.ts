/** The content of a job as a repetition of its dispatch goes by it: compared with what is stored, and as a digest. */
import {
  contentOf,
  decodeBody,
  encodeBody,
  hasSameContent,
  type JobBody,
  type JobSpec,
} from "../wire/job.ts";
import { canonicalJson } from "../wire/json.ts";
import { omitUndefined } from "../wire/omit-undefined.ts";

/** A job's content as a script answers it. */
export interface StoredContent {
  readonly name: string;
  /** Its node, or `-` for any. */
  readonly target: string;
  readonly body: string;
}

/**
 * 128 bits of SHA-256, as 32 hex digits: the same for the same name, node, options and payload, whatever the order of the
 * keys in its JSON.
 */
export async function contentDigest(spec: JobSpec): Promise<string> {
  const { name, node } = spec;
  const content = { ...contentOf(contentIn(spec)) };
  const text = canonicalJson({ ...omitUndefined({ name, node }), content });
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes, 0, 16)]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

/**
 * Whether `spec` is the job that was stored: it has the stored content or, if another job has replaced that through a
 * deduplication key, the content that the job was dispatched with.
 */
export async function isRepetition(spec: JobSpec, stored: StoredContent): Promise<boolean> {
  const kept = decodeBody(stored.body);
  const isSame =
    stored.name === spec.name &&
    stored.target === (spec.node ?? "-") &&
    hasSameContent(kept, contentIn(spec));
  if (isSame || kept.original === undefined) return isSame;
  return kept.original === (await contentDigest(spec));
}

/** As it is read back: what JSON drops from a payload is no content. */
function contentIn(spec: JobSpec): JobBody {
  return decodeBody(encodeBody(spec));
}
