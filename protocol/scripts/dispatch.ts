/** The script `lua/dispatch.lua`: its arguments and what became of each job. */
import { dispatchLua } from "../lua/generated.ts";
import { oneOf } from "../redis/answers.ts";
import type { Reply } from "../redis/port.ts";
import { list, text, word } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

const dedupeVerdicts = ["rejected", "returned", "replaced", "debounced"] as const;

/** What a deduplication key did to a job. */
export type DedupeVerdict = (typeof dedupeVerdicts)[number];

/** What became of one job of a dispatch. Phases and states are as in the records. */
export type Placement =
  | { readonly kind: "placed"; readonly phase: string; readonly node: string | null }
  | {
      readonly kind: "known";
      readonly phase: string;
      readonly node: string | null;
      /** The stored content, if its text differs from what was sent now. */
      readonly other?: { readonly name: string; readonly target: string; readonly body: string };
    }
  | {
      readonly kind: DedupeVerdict;
      readonly phase: string;
      readonly node: string | null;
      /** The job that holds the key. */
      readonly id: string;
    }
  /** Nothing was changed: the content would become this job, and is signed for another id or node. */
  | { readonly kind: "missigned"; readonly node: string | null; readonly id: string };

/**
 * List, for each job: `id, target, name, at, deadline, dedupe, body`. `at` and `deadline` are `-`, a time in
 * milliseconds, or `+` and milliseconds from now; `dedupe` is `-` or `mode window place digest key`, where
 * `place` is `<id>/<node>` for which the body is signed, or `-`, and `digest` is of the content (`ledger/content.ts`).
 */
export const dispatch = defineScript(dispatchLua, (reply): readonly Placement[] =>
  list(reply).map(parsePlacement),
);

function parsePlacement(reply: Reply): Placement {
  if (!Array.isArray(reply)) {
    const [phase, node] = text(reply).split(" ");
    return { kind: "placed", phase: text(phase), node: word(node) };
  }
  const [first, phase, node, name, target, body] = list(reply);
  const kind = oneOf(first, ["known", "missigned", ...dedupeVerdicts]);
  const place = { phase: text(phase), node: word(node) };
  if (kind === "missigned") return { kind, node: place.node, id: text(name) };
  if (kind !== "known") return { kind, ...place, id: text(name) };
  if (body === undefined) return { kind, ...place };
  return { kind, ...place, other: { name: text(name), target: text(target), body: text(body) } };
}
