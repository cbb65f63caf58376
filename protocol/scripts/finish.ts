/**
 * Ends attempts and fetches the next jobs, for all attempts and nodes of one subscriber that
 * gathered since its previous call. Repeat-safe: only the call that removes an attempt's lease
 * stores its outcome and frees its slot.
 */
import { finishLua } from "../lua/generated.ts";
import { list, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** `stored`: now. `repeated`: by an earlier call of the same attempt. `fenced`: the attempt had lost its lease. */
export type FinishVerdict = "stored" | "repeated" | "fenced";

/** As the script says it: one letter an attempt, for a thousand of them are one string. */
const verdictOf: Readonly<Record<string, FinishVerdict>> = {
  s: "stored",
  r: "repeated",
  f: "fenced",
};

/** What `finish` answers. */
export interface Finished {
  readonly verdicts: readonly FinishVerdict[];
  /** Envelopes of the next jobs, already leased to the nodes they name. */
  readonly next: readonly string[];
  /** Nodes for which jobs of their own still wait. */
  readonly waiting: readonly string[];
  /** The outbox entry that now holds the stored results, if any. */
  readonly entry: string | null;
}

/**
 * List: for each attempt `id, token, node, state, delay ms, text`, then for each node `node, mode, waiting`.
 * State `released` gives the job back; `refused` too, which was never started: its node does not serve the queue; `retry` has it wait for the delay, its text being the failure; else
 * the text is the result message. Mode `take` fetches next jobs; `pass` fetches none: the caller has left
 * the node, or another has taken it, and its slots are that one's.
 */
export const finish = defineScript(finishLua, (reply): Finished => {
  const [verdicts, next, waiting, entry] = list(reply);
  return {
    verdicts: text(verdicts)
      .split("")
      .map((letter) => verdictOf[letter] ?? "fenced"),
    next: list(next).map(text),
    waiting: list(waiting).map(text),
    entry: text(entry) === "-" ? null : text(entry),
  };
});
