/** Schemas of the fields that the answers of several resources share. */
import * as z from "zod";
import type { Json } from "../../protocol/wire/json.ts";

/** Any JSON. */
export const json = z.custom<Json>();
/** ISO 8601 in UTC. */
export const instant = z.iso.datetime();
/** A count: a whole number, not negative. */
export const count = z.int().min(0);
/** Where to go on; null at the end. */
export const nextCursor = z.string().nullable();
