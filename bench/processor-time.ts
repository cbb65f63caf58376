/** Reads from /proc the processor time of programs that this process started. */
import { readdir, readFile } from "node:fs/promises";

/** The unit of time in /proc/<pid>/stat, in milliseconds: 100 ticks a second on every current Linux. */
const tickMs = 10;

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly ms: number;
}

/**
 * Resolves to the processor time that all descendants named `name` have used so far, in steps of 10 ms, or to `null`
 * without /proc.
 */
export async function descendantsMs(name: string): Promise<number | null> {
  const pids = await readdir("/proc").catch(() => []);
  const entries = await Promise.all(pids.filter((pid) => /^\d+$/.test(pid)).map(read));
  const known = new Map(
    entries.flatMap((entry) => (entry === null ? [] : [[entry.pid, entry] as const])),
  );
  if (known.size === 0) return null;
  const isOurs = (entry: Entry | undefined): boolean =>
    entry !== undefined && (entry.parent === process.pid || isOurs(known.get(entry.parent)));
  return [...known.values()]
    .filter((entry) => entry.name === name && isOurs(entry))
    .reduce((sum, { ms }) => sum + ms, 0);
}

async function read(pid: string): Promise<Entry | null> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const [, name = "", rest = ""] = /^\d+ \((.*)\) (.*)$/s.exec(text) ?? [];
  // From the third field on: state, parent, …; the 14th and 15th are user and system time.
  const fields = rest.split(" ");
  if (name === "") return null;
  const ms = (Number(fields[11]) + Number(fields[12])) * tickMs;
  return { pid: Number(pid), parent: Number(fields[1]), name, ms };
}
