/** The script `lua/renew.lua`: its arguments and what it answers. */
import { renewLua } from "../lua/generated.ts";
import { list, number } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/**
 * List: lease members. Answers the indexes (from 0) of those that are lost.
 * A renewed lease ends on half a millisecond: that marks the attempt as acknowledged, so
 * that its loss counts against the job's attempts.
 */
export const renew = defineScript(renewLua, (reply): readonly number[] => list(reply).map(number));
