/**
 * How large a batch becomes on its way to Redis. The hosted one takes requests of 10 MB; a job travels in it as JSON inside
 * JSON, where each quote and backslash takes one more byte, a number such as 1e20 is written out, and names appear twice.
 */
import { SignalboxError } from "../../protocol/error.ts";
import { encodeBody, type JobSpec } from "../../protocol/wire/job.ts";

/** The rest of the 10 MB is for the scripts: one for each queue. */
const maxRequestBytes = 9_000_000;
/** Text never grows by more than this factor, so a body below this share of the limit need not be counted. */
const maxGrowth = 8;
/** Key prefixes, times, brackets and commas of one job. */
const frameBytes = 400;

/**
 * `text` is the body that `specs` were read from.
 * @throws SignalboxError `body_too_large` where the request to Redis would be
 */
export function requireBatchFits(text: string, specs: readonly JobSpec[]): void {
  if (text.length * maxGrowth <= maxRequestBytes) return;
  const bytes = specs.reduce((sum, spec) => sum + requestBytes(spec), 0);
  if (bytes > maxRequestBytes) {
    throw new SignalboxError(
      "body_too_large",
      `expected a batch whose jobs take at most ${maxRequestBytes} bytes on their way to Redis, ` +
        `got ${bytes}; send fewer than ${specs.length} jobs together`,
    );
  }
}

function requestBytes(spec: JobSpec): number {
  const { id, name, node = "", dedupe } = spec;
  const names = id.length + name.length + 2 * node.length;
  return frameBytes + names + 2 * escapedBytes(dedupe?.key ?? "") + escapedBytes(encodeBody(spec));
}

/** The bytes of `text` within a JSON string. */
function escapedBytes(text: string): number {
  const bytes = new TextEncoder().encode(text);
  return bytes.reduce((sum, byte) => sum + (byte === 0x22 || byte === 0x5c ? 2 : 1), 0);
}
