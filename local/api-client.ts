/** The calls of the function's HTTP API that the demonstration makes. */
import { z } from "zod";
import { jobStates } from "../protocol/wire/job.ts";
import type { Json } from "../protocol/wire/json.ts";

const json = z.json();

const accepted = z.object({ id: z.string(), state: z.string(), delivered: z.boolean() });
export type Accepted = z.infer<typeof accepted>;

const jobView = z.object({
  id: z.string(),
  state: z.enum(jobStates),
  node: z.string().nullish(),
  /** Whether the function has recorded the outcome. */
  recorded: z.boolean(),
  result: json.optional(),
  error: json.optional(),
});
export type JobView = z.infer<typeof jobView>;

const nodeList = z.object({
  nodes: z.array(z.object({ name: z.string(), connected: z.boolean() })),
});

export interface NewJob {
  readonly name: string;
  readonly payload?: Json;
  readonly node?: string;
}

export interface ApiClient {
  dispatch(job: NewJob): Promise<Accepted>;
  /** Resolves to the job as soon as it has ended, or as it is after `waitSeconds`, 0 to 25. */
  job(id: string, waitSeconds: number): Promise<JobView>;
  /** Names of the connected nodes. */
  nodes(): Promise<readonly string[]>;
}

/** Longer than the longest wait, so that the function answers first. */
const TIMEOUT_MS = 40_000;

/** @param signal ends all calls */
export function createApiClient(url: string, token: string, signal: AbortSignal): ApiClient {
  async function call(path: string, init: RequestInit = {}): Promise<unknown> {
    const response = await fetch(new URL(path, url), {
      ...init,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const body = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${body.slice(0, 500)}`);
    return JSON.parse(body) as unknown;
  }

  return {
    dispatch: async (job) =>
      accepted.parse(await call("/v1/jobs", { method: "POST", body: JSON.stringify(job) })),
    job: async (id, waitSeconds) =>
      jobView.parse(await call(`/v1/jobs/${encodeURIComponent(id)}?wait=${waitSeconds}`)),
    nodes: async () =>
      nodeList
        .parse(await call("/v1/nodes"))
        .nodes.filter((node) => node.connected)
        .map((node) => node.name),
  };
}
