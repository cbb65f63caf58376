/** Processor time of programs that our own processes started, read from /proc. */
import { readdir, readFile } from "node:fs/promises";

/** The unit of /proc/<pid>/stat, in milliseconds: 100 a second on every Linux of today. */
const tickMs = 10;

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly ms: number;
}

/**
 * What all our descendants named `name` have used so far, in milliseconds to the next 10; `null` where there is no
 * /proc to tell.
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
