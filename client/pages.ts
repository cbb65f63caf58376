/** Lists of any length as one loop. */
import type { CallOptions } from "./order.ts";
import type { Request } from "./request.ts";

/** Which list, and the field of a page that holds its lines. */
export interface List {
  readonly path: string;
  readonly field: string;
  readonly filter: Readonly<Record<string, string | number | undefined>>;
}

/** The most that a page may hold. */
const limit = 100;

/** Asks for the next page when the loop comes to it. The time-out is that of one page. */
export async function* paged<Line>(
  request: Request,
  { path, field, filter }: List,
  call: CallOptions,
): AsyncGenerator<Line, void> {
  let cursor: string | undefined;
  do {
    const query = { ...filter, limit, cursor };
    const { body } = await request({ ...call, method: "GET", path, query, isRepeatSafe: true });
    const page = body as Readonly<Record<string, unknown>>;
    yield* page[field] as readonly Line[];
    cursor = (page["cursor"] as string | null) ?? undefined;
  } while (cursor !== undefined);
}
