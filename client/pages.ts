/** Lists of any length as one loop. */
import type { CallOptions } from "./order.ts";
import { cursorOf, listOf } from "./reply.ts";
import type { Request } from "./request.ts";

/** Which list, and the field of a page that holds its lines. */
export interface List {
  readonly path: string;
  readonly field: string;
  readonly filter: Readonly<Record<string, string | number | undefined>>;
}

/** The most that a page may hold. */
const limit = 100;

/** Asks for each page when the loop reaches it. The time-out is that of one page. */
export async function* paged<Line>(
  request: Request,
  { path, field, filter }: List,
  call: CallOptions,
): AsyncGenerator<Line, void> {
  let cursor: string | undefined;
  do {
    const query = { ...filter, limit, cursor };
    const { body } = await request({ ...call, method: "GET", path, query, isRepeatSafe: true });
    yield* listOf(body, field) as readonly Line[];
    cursor = cursorOf(body);
  } while (cursor !== undefined);
}
