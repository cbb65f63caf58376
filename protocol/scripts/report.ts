/** Keeps a report of a running attempt and tells those who watch the job. */
import { reportLua } from "../lua/generated.ts";
import { text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/**
 * Answers whether the attempt still holds its lease; the reports of one that lost it are refused, as its
 * outcome would be. The key outlives its newest report by `keep_ms`, which is longer than the attempt may take.
 */
export const report = defineScript(reportLua, (reply): boolean => text(reply) === "1");
