/** What the client's tests dispatch. */
import * as z from "zod";
import { defineCatalog } from "../../protocol/wire/catalog.ts";

export const catalog = defineCatalog({
  double: { payload: z.object({ n: z.number() }), result: z.object({ n: z.number() }) },
  greet: { payload: z.string().default("you"), result: z.string() },
});
