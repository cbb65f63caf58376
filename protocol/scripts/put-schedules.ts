/**
 * Makes schedules, or gives them another content. The same content again changes nothing. A new or changed plan
 * is due at once: whoever looks first works out its times (`plan.ts`), so that no caller's clock counts.
 */
import { putSchedulesLua } from "../lua/generated.ts";
import { list, number, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** `foreign`: another source made it. `full`: the queue has as many as are allowed. */
export type PutVerdict = "created" | "replaced" | "unchanged" | "foreign" | "full";

/** What became of the schedules, in their order. */
export interface Put {
  readonly nowMs: number;
  readonly answers: readonly {
    readonly verdict: PutVerdict;
    /** The record as it is now; empty where it was refused. */
    readonly text: string;
  }[];
}

/**
 * List, for each: `id, nonce, overlap, source, content`. The nonce is the caller's: a call that is repeated
 * because its answer was lost is answered as the first was. A changed plan starts anew, with no runs made and
 * the present as its anchor; what it runs can be changed without that.
 */
export const putSchedules = defineScript(putSchedulesLua, (reply): Put => {
  const [now, answers] = list(reply);
  return {
    nowMs: number(now),
    answers: list(answers).map((each) => {
      const [verdict, record] = list(each);
      return { verdict: text(verdict) as PutVerdict, text: text(record) };
    }),
  };
});
