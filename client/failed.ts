/** The failed set. */
import type { CallOptions } from "./order.ts";
import { paged } from "./pages.ts";
import type { Request } from "./request.ts";
import type { FailedLine } from "../protocol/api/jobs.ts";

/** Which failed jobs. The queue is `default` if absent. */
export interface FailedFilter {
  readonly queue?: string;
  readonly name?: string;
  /** That of the failure. */
  readonly code?: string;
}

/** Those with these ids, up to 1,000, or all that match. */
export type FailedSelection =
  { readonly queue?: string; readonly ids: readonly string[] } | FailedFilter;

/** What was done; `skipped` names the others, and why. */
export interface DoneToFailed {
  readonly ids: readonly string[];
  readonly skipped: readonly { readonly id: string; readonly reason: "unknown" | "not_failed" }[];
}

/** The calls for the failed set. */
export function createFailed(request: Request) {
  /** Goes on until the set has been seen to its end; each request looks at up to 1,000 jobs. */
  async function toAll(
    action: { readonly path: string; readonly field: string },
    selection: FailedSelection,
    call: CallOptions,
  ): Promise<DoneToFailed> {
    const ids: string[] = [];
    const skipped: DoneToFailed["skipped"][number][] = [];
    let cursor: string | undefined;
    do {
      const body = cursor === undefined ? selection : { ...selection, cursor };
      // A repetition could find jobs that have failed meanwhile, or anew.
      const sent = { method: "POST", path: action.path, body, isRepeatSafe: false } as const;
      const page = (await request({ ...call, ...sent })).body as Omit<DoneToFailed, "ids"> &
        Readonly<Record<string, unknown>>;
      ids.push(...(page[action.field] as readonly string[]));
      skipped.push(...page.skipped);
      cursor = (page["cursor"] as string | null) ?? undefined;
    } while (cursor !== undefined);
    return { ids, skipped };
  }

  return {
    /** All that match, latest failure first. */
    list(filter: FailedFilter = {}, call: CallOptions = {}): AsyncGenerator<FailedLine, void> {
      const list = { path: "/v1/failed", field: "jobs", filter: { ...filter } };
      return paged<FailedLine>(request, list, call);
    },

    /** Sends them again, with all their attempts. Not repeated by itself. */
    resend(selection: FailedSelection, call: CallOptions = {}): Promise<DoneToFailed> {
      return toAll({ path: "/v1/failed/resend", field: "resent" }, selection, call);
    },

    /** Deletes them. Not repeated by itself. */
    delete(selection: FailedSelection, call: CallOptions = {}): Promise<DoneToFailed> {
      return toAll({ path: "/v1/failed/delete", field: "deleted" }, selection, call);
    },
  };
}
