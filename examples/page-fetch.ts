/**
 * The `page.fetch` job: fetches one page from an allowed host. It follows redirects by itself, because
 * each hop must be allowed too. The body is streamed, so memory does not grow with its size.
 */
import { createHash } from "node:crypto";
import type { RunContext } from "../protocol/wire/catalog.ts";
import type { Page } from "./catalog.ts";
import { type FetchHost, isFetchAllowed } from "./fetch-hosts.ts";
import { JobError } from "./job-error.ts";
import { createOutlineReader, type PageOutline } from "./page-outline.ts";

export interface PageFetchOptions {
  readonly hosts: readonly FetchHost[];
  /** Size limit of a page in bytes, after its content encoding is decoded. @default 2 MiB */
  readonly maxBytes?: number;
  /** Time limit for all hops and the body, in milliseconds. @default 15_000 */
  readonly timeoutMs?: number;
}

const MAX_REDIRECTS = 5;
const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const HTML_TYPES: ReadonlySet<string> = new Set(["text/html", "application/xhtml+xml"]);

export function createPageFetch(options: PageFetchOptions) {
  const { hosts, maxBytes = 2 * 1_024 * 1_024, timeoutMs = 15_000 } = options;

  return async function pageFetch(
    payload: { readonly url: string },
    context: Pick<RunContext, "signal">,
  ): Promise<Page> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([context.signal, timeout]);
    try {
      const { url, response } = await follow(new URL(payload.url), hosts, signal);
      return await read(url, response, maxBytes);
    } catch (error) {
      // The subscriber aborted the job and knows why; that must not appear as a failed fetch.
      if (context.signal.aborted) throw context.signal.reason;
      if (error instanceof JobError) throw error;
      if (timeout.aborted) {
        throw new JobError(`The page was not there within ${timeoutMs} ms.`, {
          code: "fetch_timeout",
          retryable: true,
          cause: error,
        });
      }
      throw new JobError(`Fetching failed: ${reasonOf(error)}.`, {
        code: "fetch_failed",
        retryable: true,
        cause: error,
      });
    }
  };
}

async function follow(
  start: URL,
  hosts: readonly FetchHost[],
  signal: AbortSignal,
): Promise<{ readonly url: URL; readonly response: Response }> {
  let url = start;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    assertAllowed(url, hosts);
    const response = await fetch(url, { redirect: "manual", signal });
    const location = response.headers.get("location");
    if (!REDIRECT_STATUSES.has(response.status) || location === null) return { url, response };

    await response.body?.cancel();
    const next = URL.parse(location, url);
    if (next === null) {
      throw new JobError(`${url.href} redirects to something that is not a URL.`, {
        code: "bad_redirect",
        retryable: false,
      });
    }
    url = next;
  }
  throw new JobError(`${start.href} redirects more than ${MAX_REDIRECTS} times.`, {
    code: "too_many_redirects",
    retryable: false,
  });
}

function assertAllowed(url: URL, hosts: readonly FetchHost[]): void {
  const problem = !isFetchAllowed(url, hosts)
    ? `${url.protocol}//${url.host} is not in SIGNALBOX_FETCH_HOSTS.`
    : url.username !== "" || url.password !== ""
      ? "A URL with credentials in it is not fetched."
      : undefined;
  if (problem !== undefined) {
    throw new JobError(problem, { code: "fetch_not_allowed", retryable: false });
  }
}

async function refuseBadStatus(url: URL, { status, body }: Response): Promise<void> {
  if (status !== 429 && status < 500) return;
  await body?.cancel();
  throw new JobError(`${url.href} answered ${status}; it may do better later.`, {
    code: "bad_status",
    retryable: true,
  });
}

async function read(url: URL, response: Response, maxBytes: number): Promise<Page> {
  const { status } = response;
  await refuseBadStatus(url, response);
  const type = parseContentType(response.headers.get("content-type") ?? "");
  const reader = HTML_TYPES.has(type.essence) ? createOutlineReader(url.href) : undefined;
  const decoder = createDecoder(type.charset);
  const digest = createHash("sha256");
  let bytes = 0;

  // An exception that leaves the loop cancels the body and with it the transfer.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) {
      throw new JobError(`${url.href} is larger than ${maxBytes} bytes.`, {
        code: "page_too_large",
        retryable: false,
      });
    }
    digest.update(chunk);
    reader?.write(decoder.decode(chunk, { stream: true }));
  }
  reader?.write(decoder.decode());
  const outline: PageOutline = reader?.end() ?? { title: null, links: [] };
  return {
    url: url.href,
    status,
    title: outline.title,
    links: [...outline.links],
    bytes,
    sha256: digest.digest("hex"),
  };
}

function parseContentType(header: string): { readonly essence: string; readonly charset: string } {
  const [essence = "", ...parameters] = header.split(";").map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  return { essence, charset: charset?.slice("charset=".length).replaceAll('"', "") ?? "utf-8" };
}

function createDecoder(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset);
  } catch {
    // The page names an unknown charset: its title may be garbled, but its links still work.
    return new TextDecoder();
  }
}

/** The message of `fetch` is only "fetch failed"; the reason is in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
