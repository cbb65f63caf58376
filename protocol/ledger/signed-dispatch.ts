/**
 * Signs jobs and schedules as they are dispatched, and signs a job again if it turns out to become the content of
 * another: a deduplication key can assign it to the job that holds the key, under whose id and on whose node it runs.
 */
import { SignalboxError } from "../error.ts";
import type { Template } from "../schedule/schedule.ts";
import type { JobSigner, SignedContent } from "../signing/job.ts";
import { decodeBody, encodeBody, encodeOptions, encodePayload, type JobSpec } from "../wire/job.ts";

/** Under which id and on which node (`null`: any) a job's content runs. */
export interface Place {
  readonly id: string;
  readonly node: string | null;
}

/** A job's body with its signature, and the place it is signed for, as `lua/steps/dedupe.lua` compares it. */
export interface SignedBody {
  readonly body: string;
  readonly place: string;
}

/** How many times jobs are signed before a key whose holder keeps changing is given up. */
const maxTries = 5;

/**
 * Signs jobs and sends them by `send`, which resolves to the jobs that were not taken because they are signed for
 * another place, and to those places; signs these again, up to five times in all.
 * @throws SignalboxError `state_conflict` if the holders of their keys keep changing
 */
export async function dispatchSigned(
  signer: JobSigner,
  specs: readonly JobSpec[],
  send: (
    specs: readonly JobSpec[],
    signed: ReadonlyMap<JobSpec, SignedBody>,
  ) => Promise<ReadonlyMap<JobSpec, Place>>,
): Promise<void> {
  let left = new Map<JobSpec, Place>(
    specs.map((spec) => [spec, { id: spec.id, node: spec.node ?? null }]),
  );
  for (let tries = 0; left.size > 0; tries++) {
    if (tries === maxTries) {
      throw new SignalboxError(
        "state_conflict",
        "expected a deduplication key to stay with its job for a moment; others keep taking it: try again",
      );
    }
    const entries = [...left].map(
      async ([spec, place]) => [spec, await signJob(signer, spec, place)] as const,
    );
    const signed = new Map(await Promise.all(entries));
    left = new Map(await send([...left.keys()], signed));
  }
}

async function signJob(signer: JobSigner, spec: JobSpec, place: Place): Promise<SignedBody> {
  const { queue, name } = spec;
  const { id, node } = place;
  const signature = await signatureText(signer, {
    queue,
    name,
    node,
    subject: { job: id },
    body: decodeBody(encodeBody(spec)),
  });
  const body = encodeOptions(spec) + signature + encodePayload(spec.payload);
  return { body, place: `${id}/${node ?? "-"}` };
}

/** The options of a schedule's runs, as JSON text, with a signature of everything that a run is. */
export async function signTemplate(
  signer: JobSigner,
  { id, queue, job }: { readonly id: string; readonly queue: string; readonly job: Template },
): Promise<string> {
  const signature = await signatureText(signer, {
    queue,
    name: job.name,
    node: job.node ?? null,
    subject: { schedule: id },
    body: decodeBody(encodeOptions(job) + encodePayload(job.payload)),
  });
  return encodeOptions(job) + signature;
}

/** Signs content that was encoded and decoded before: what JSON drops from a payload must not be signed. */
async function signatureText(signer: JobSigner, content: SignedContent): Promise<string> {
  return `,"signature":${JSON.stringify(await signer.sign(content))}`;
}
