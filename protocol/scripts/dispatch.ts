/**
 * Accepts jobs: writes each one down and sends it to a free slot, or lets it wait.
 * Repeat-safe: an id that is already known changes nothing and is answered with what is stored.
 */
import { dispatchLua } from "../lua/generated.ts";
import type { Reply } from "../redis/port.ts";
import { list, text, word } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** How a deduplication key was answered. */
export type DedupeVerdict = "rejected" | "returned" | "replaced" | "debounced";

/** What became of one job of a dispatch. Phases and states are as in the records. */
export type Placement =
  | { readonly kind: "placed"; readonly phase: string; readonly node: string | null }
  | {
      readonly kind: "known";
      readonly phase: string;
      readonly node: string | null;
      /** The stored content, where its text differs from what was sent now. */
      readonly other?: { readonly name: string; readonly target: string; readonly body: string };
    }
  | {
      readonly kind: DedupeVerdict;
      readonly phase: string;
      readonly node: string | null;
      /** The job that holds the key. */
      readonly id: string;
    }
  /** Nothing was changed: the content is signed for another place than that of the job that it would be, which is this. */
  | { readonly kind: "missigned"; readonly node: string | null; readonly id: string };

/**
 * List, for each job: `id, target, name, at, deadline, dedupe, body`. `at` and `deadline` are `-`, a time in
 * milliseconds, or `+` and milliseconds from now; `dedupe` is `-` or `mode window place key`, where `place`
 * is `<id>/<node>` for which the body is signed, or `-`.
 */
export const dispatch = defineScript(dispatchLua, (reply): readonly Placement[] =>
  list(reply).map(parsePlacement),
);

function parsePlacement(reply: Reply): Placement {
  if (!Array.isArray(reply)) {
    const [placed = "", at] = text(reply).split(" ");
    return { kind: "placed", phase: placed, node: word(at) };
  }
  const [first, phase, node, name, target, body] = list(reply);
  const kind = text(first) as Exclude<Placement["kind"], "placed">;
  const place = { phase: text(phase), node: word(node) };
  if (kind === "missigned") return { kind, node: place.node, id: text(name) };
  if (kind !== "known") return { kind, ...place, id: text(name) };
  if (body === undefined) return { kind, ...place };
  return { kind, ...place, other: { name: text(name), target: text(target), body: text(body) } };
}
