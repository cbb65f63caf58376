/** The script `lua/put-schedules.lua`: its arguments and its verdicts. */
import { putSchedulesLua } from "../lua/generated.ts";
import { oneOf } from "../redis/answers.ts";
import { list, number, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

const verdicts = ["created", "replaced", "unchanged", "foreign", "full", "never"] as const;

/** `foreign`: another source made it. `full`: the queue has as many as are allowed. `never`: it has no run to come. */
export type PutVerdict = (typeof verdicts)[number];

/** What became of the schedules, in their order. */
export interface Put {
  readonly nowMs: number;
  readonly answers: readonly {
    readonly verdict: PutVerdict;
    /** The record as it is now; empty if it was refused. */
    readonly text: string;
  }[];
}

/**
 * List, for each: `id, nonce, overlap, source, earliest, latest, content`. The caller chooses the nonce: a call that is repeated with it, because
 * its answer was lost, is answered like the first. A changed plan starts over, with no runs made and the current time as its
 * anchor; a changed job does not.
 */
export const putSchedules = defineScript(putSchedulesLua, (reply): Put => {
  const [now, answers] = list(reply);
  return {
    nowMs: number(now),
    answers: list(answers).map((each) => {
      const [verdict, record] = list(each);
      return { verdict: oneOf(verdict, verdicts), text: text(record) };
    }),
  };
});
