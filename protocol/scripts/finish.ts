/** The script `lua/finish.lua`: its arguments, its verdicts and the next jobs. */
import { finishLua } from "../lua/generated.ts";
import { oneOf } from "../redis/answers.ts";
import { list, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** `stored`: now. `repeated`: by an earlier call of the same attempt. `fenced`: the attempt had lost its lease. */
export type FinishVerdict = "stored" | "repeated" | "fenced";

/** The script writes one letter for each attempt, so that a thousand verdicts are one string. */
const verdictOf = {
  s: "stored",
  r: "repeated",
  f: "fenced",
} as const satisfies Readonly<Record<string, FinishVerdict>>;

/** What a call did. */
export interface Finished {
  readonly verdicts: readonly FinishVerdict[];
  /** Envelopes of the next jobs, already leased to the nodes they name. */
  readonly next: readonly string[];
  /** Nodes for which jobs that only they may run still wait. */
  readonly waiting: readonly string[];
  /** The outbox entry that now holds the stored results, if any. */
  readonly entry: string | null;
}

/**
 * List: for each attempt `id, token, node, state, delay ms, text`, then for each node `node, mode, waiting`.
 * State `released` gives the job back; so does `refused`, for a job that was never started because its node does not
 * serve the queue; `retry` delays it, and its text is the failure; for all others the text is the result message.
 * Mode `take` fetches next jobs. `pass` fetches none: the caller no longer owns the node, so its freed slots go to the
 * new owner.
 */
export const finish = defineScript(finishLua, (reply): Finished => {
  const [verdicts, next, waiting, entry] = list(reply);
  return {
    verdicts: text(verdicts)
      .split("")
      .map((letter) => verdictOf[oneOf(letter, ["s", "r", "f"])]),
    next: list(next).map(text),
    waiting: list(waiting).map(text),
    entry: text(entry) === "-" ? null : text(entry),
  };
});
