/**
 * The jobs of the demonstration, and a pattern for one's own: what each takes and what it gives.
 * The function and the subscriber may both import this; it must not know how the work is done.
 */
import { z } from "zod";
import type { Catalog } from "../protocol/wire/catalog.ts";
import type { Json } from "../protocol/wire/json.ts";

/**
 * Any JSON as it came; what was left out arrives as null. Not `z.json()`: that copies every object, and
 * loses the key "__proto__" on the way.
 */
const anyJson = z.custom<Json>().default(null);

const bytes = z.int().nonnegative();

const hostMetrics = z.object({
  hostname: z.string(),
  uptimeSeconds: z.number().nonnegative(),
  cpu: z.object({
    count: z.int().nonnegative(),
    /** Share of all processors' time that was not idle while sampling, 0 to 1. */
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
  /** Where the page was found, after redirects. */
  url: z.url(),
  status: z.int(),
  title: z.string().nullable(),
  /** Absolute http and https addresses without their fragments, each once, at most 100. */
  links: z.array(z.url()).max(100),
  /** Length of the body once its content encoding is undone. */
  bytes,
  /** Digest of those bytes, in hexadecimal. */
  sha256: z.hex().length(64),
});
export type Page = z.infer<typeof page>;

export const catalog = {
  /** Gives its payload back. */
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

  /** Fetches one page of a host that the subscriber's operator has allowed. */
  "page.fetch": {
    payload: z.strictObject({ url: z.url({ protocol: /^https?$/ }).max(2_048) }),
    result: page,
    timeoutMs: 30_000,
  },
} satisfies Catalog;
