/**
 * Recurring jobs from configuration: a small table of cron expressions. It stores nothing, so a
 * minute whose tick never came is not made up for.
 */
import { Cron } from "croner";
import * as z from "zod";
import type { JobSpec } from "../protocol/job.ts";
import type { Json } from "../protocol/json.ts";
import { defaultQueue } from "../protocol/names.ts";
import { jobName, nodeName, queueName } from "./job-request.ts";

const entrySchema = z
  .strictObject({
    /** Five fields: minute, hour, day of the month, month, weekday (0 and 7 are Sunday). */
    cron: z
      .string()
      .max(200)
      .regex(/^\S+( +\S+){4}$/, "expected five cron fields"),
    name: jobName,
    payload: z.unknown().exactOptional(),
    node: nodeName.exactOptional(),
    queue: queueName.exactOptional(),
    /** In which the expression is read, as in `Europe/Berlin`. */
    timeZone: z.string().max(64).default("UTC"),
  })
  .superRefine(({ cron, timeZone }, context) => {
    try {
      pattern(cron, timeZone).match(new Date(0));
    } catch (error) {
      const message = `expected five cron fields and a time zone: ${error instanceof Error ? error.message : ""}`;
      context.addIssue({ code: "custom", path: ["cron"], message });
    }
  });

/** The table: `[{"cron": "0 * * * *", "name": "host.metrics"}]`. At most 100 entries. */
export const recurringTable = z.array(entrySchema).max(100);
export type RecurringEntry = z.output<typeof entrySchema>;

/**
 * The jobs due in the minute of `scheduledMs` (milliseconds since 1970). Their ids follow from entry
 * and minute, so that a tick that comes twice makes each of them once.
 */
export async function dueJobs(
  table: readonly RecurringEntry[],
  scheduledMs: number,
): Promise<readonly JobSpec[]> {
  const minute = new Date(Math.floor(scheduledMs / 60_000) * 60_000);
  const due = table.filter((entry) => pattern(entry.cron, entry.timeZone).match(minute));
  const jobs = await Promise.all(
    due.map(async ({ name, node, queue = defaultQueue, payload, ...rest }): Promise<JobSpec> => {
      const digest = await shortDigest(JSON.stringify({ ...rest, name, node, queue, payload }));
      return {
        id: `recurring:${digest}:${minute.toISOString().slice(0, 16)}Z`,
        name,
        queue,
        ...(node === undefined ? {} : { node }),
        ...(payload === undefined ? {} : { payload: payload as Json }),
      };
    }),
  );
  return [...new Map(jobs.map((job) => [job.id, job])).values()];
}

function pattern(cron: string, timezone: string): Cron {
  return new Cron(cron, { paused: true, mode: "5-part", timezone });
}

async function shortDigest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes, 0, 4)]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
