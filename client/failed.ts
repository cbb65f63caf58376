/** The failed set: what failed for good. */
import type { FailedLine, SkippedJob } from "../protocol/api/failed.ts";
import type { CallOptions } from "./order.ts";
import { paged } from "./pages.ts";
import { cursorOf, listOf } from "./reply.ts";
import type { Request } from "./request.ts";

/**
 * Which failed jobs.
 * @example for await (const job of client.failed.list({ name: "greet", code: "timeout" })) console.log(job.id);
 */
export interface FailedFilter {
  /** @default "default" */
  readonly queue?: string;
  readonly name?: string;
  /** That of the failure. */
  readonly code?: string;
}

/**
 * The jobs with these ids, up to 1,000, or all that match.
 * @example await client.failed.resend({ queue: "mail", ids: ["invoice-17"] });
 */
export type FailedSelection =
  { readonly queue?: string; readonly ids: readonly string[] } | FailedFilter;

/**
 * Which jobs it was done to; `skipped` names the others, and why.
 * @example const { ids, skipped }: DoneToFailed = await client.failed.delete({ code: "timeout" });
 */
export interface DoneToFailed {
  readonly ids: readonly string[];
  readonly skipped: readonly SkippedJob[];
}

/**
 * The calls for the failed set.
 * @example const failed: FailedCalls = client.failed;
 */
export interface FailedCalls {
  /** All that match, latest failure first; pages are fetched as the loop goes on. Repeat-safe. */
  list(filter?: FailedFilter, call?: CallOptions): AsyncGenerator<FailedLine, void>;
  /** Sends them again, with all their attempts. Not repeated by itself: jobs may have failed again meanwhile. */
  resend(selection: FailedSelection, call?: CallOptions): Promise<DoneToFailed>;
  /** Deletes them. Not repeated by itself. */
  delete(selection: FailedSelection, call?: CallOptions): Promise<DoneToFailed>;
}

/** Makes the calls. */
export function createFailed(request: Request): FailedCalls {
  /** Goes on until the set has been seen to its end; each request examines up to 1,000 jobs. */
  async function toAll(
    action: { readonly path: string; readonly field: string },
    selection: FailedSelection,
    call: CallOptions,
  ): Promise<DoneToFailed> {
    const ids: string[] = [];
    const skipped: SkippedJob[] = [];
    let cursor: string | undefined;
    do {
      const { body } = await request({
        ...call,
        method: "POST",
        path: action.path,
        body: cursor === undefined ? selection : { ...selection, cursor },
        // A repetition could find jobs that have failed since.
        isRepeatSafe: false,
      });
      ids.push(...(listOf(body, action.field) as readonly string[]));
      skipped.push(...(listOf(body, "skipped") as readonly SkippedJob[]));
      cursor = cursorOf(body);
    } while (cursor !== undefined);
    return { ids, skipped };
  }

  return {
    list(filter = {}, call = {}) {
      const list = { path: "/v1/failed", field: "jobs", filter: { ...filter } };
      return paged<FailedLine>(request, list, call);
    },
    resend(selection, call = {}) {
      return toAll({ path: "/v1/failed/resend", field: "resent" }, selection, call);
    },
    delete(selection, call = {}) {
      return toAll({ path: "/v1/failed/delete", field: "deleted" }, selection, call);
    },
  };
}
