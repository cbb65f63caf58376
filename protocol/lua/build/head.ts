/** The typed head of a .lua file: what it takes and which modules it builds on. */

/** What the `---` lines at the top of a file declare. */
export interface Head {
  /** Locals bound to `KEYS`; for a module those that it uses itself. */
  readonly keys: readonly string[];
  /** Locals bound to `ARGV`; for a module those that it uses itself. */
  readonly args: readonly string[];
  /** What the rest of `ARGV` holds, from `ARGV[first]` on; null if nothing follows. */
  readonly list: string | null;
  /** Modules whose names the file uses. */
  readonly needs: readonly string[];
  /** Modules that come before everything else: short paths that are to run before the rest is even defined. */
  readonly early: readonly string[];
}

const tags = ["keys", "args", "list", "needs", "early"] as const;
type Tag = (typeof tags)[number];

/** Reads a head; calls `refuse` for each thing in it that is wrong. */
export function parseHead(text: string, refuse: (line: number, why: string) => void): Head {
  const words: Record<Tag, string[]> = { keys: [], args: [], list: [], needs: [], early: [] };
  const lines = text.split("\n");
  const length = lines.findIndex((line) => !line.startsWith("---"));
  if (length === 0) refuse(1, "expected a head of --- lines that say what the file does");
  lines.slice(0, length).forEach((line, at) => {
    const [, tag, rest = ""] = /^---\s*@(\S+)\s*(.*)$/.exec(line) ?? [];
    if (tag === undefined) return;
    const known = tags.find((each) => each === tag);
    if (known === undefined) refuse(at + 1, `@${tag} is unknown; known are @${tags.join(", @")}`);
    else words[known].push(...rest.split(/\s+/).filter((word) => word !== ""));
  });
  for (const tag of ["keys", "args", "needs", "early"] as const)
    for (const [at, word] of words[tag].entries())
      if (words[tag].indexOf(word) !== at) refuse(1, `@${tag} names ${word} twice`);
  return { ...words, list: words.list.length === 0 ? null : words.list.join(" ") };
}
