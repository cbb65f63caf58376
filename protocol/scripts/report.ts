/** The script `lua/report.lua`: what it answers. */
import { reportLua } from "../lua/generated.ts";
import { text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/**
 * Answers whether the attempt still holds its lease; without one the report is refused, as the
 * outcome would be. The key expires `keep_ms` after its newest report, which is longer than an attempt may take.
 */
export const report = defineScript(reportLua, (reply): boolean => text(reply) === "1");
