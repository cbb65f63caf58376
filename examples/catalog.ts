/**
 * The jobs of the demonstration, and an example of a catalogue: the payload and the result of each job.
 * Function and subscriber may both import it; it must not know how the work is done.
 */
import { z } from "zod";
import type { Catalog } from "../protocol/wire/catalog.ts";
import type { Json } from "../protocol/wire/json.ts";

/**
 * Any JSON, unchanged; a missing payload becomes null. Not `z.json()`, which copies every object and
 * thereby loses the key "__proto__".
 */
const anyJson = z.custom<Json>().default(null);

const bytes = z.int().nonnegative();

const hostMetrics = z.object({
  hostname: z.string(),
  uptimeSeconds: z.number().nonnegative(),
  cpu: z.object({
    count: z.int().nonnegative(),
    /** Share of the time of all processors that was not idle while sampling, 0 to 1. */
    use: z.number().min(0).max(1),
  }),
  memory: z.object({ totalBytes: bytes, freeBytes: bytes }),
  /** The file system that holds the working directory. */
  disk: z.object({ totalBytes: bytes, freeBytes: bytes }),
  /** Load averages over 1, 5 and 15 minutes; zeros where the system has none. */
  load: z.tuple([z.number(), z.number(), z.number()]),
});
export type HostMetrics = z.infer<typeof hostMetrics>;

const page = z.object({
  /** The URL of the page, after redirects. */
  url: z.url(),
  status: z.int(),
  title: z.string().nullable(),
  /** Absolute http and https addresses without their fragments, each once, at most 100. */
  links: z.array(z.url()).max(100),
  /** Length of the body after its content encoding is decoded. */
  bytes,
  /** SHA-256 digest of these bytes, in hexadecimal. */
  sha256: z.hex().length(64),
});
export type Page = z.infer<typeof page>;

export const catalog = {
  /** Returns its payload. */
  echo: { payload: anyJson, result: anyJson },

  /** Measures the machine that the node runs on. */
  "host.metrics": {
    payload: z
      .strictObject({ sampleMs: z.int().min(10).max(5_000).optional() })
      .nullable()
      .default(null),
    result: hostMetrics,
    timeoutMs: 10_000,
  },

  /** Fetches one page from a host that the operator of the subscriber has allowed. */
  "page.fetch": {
    payload: z.strictObject({ url: z.url({ protocol: /^https?$/ }).max(2_048) }),
    result: page,
    timeoutMs: 30_000,
  },
} satisfies Catalog;
