/** Secrets that can be recognised wherever they appear, and the places of a machine where they could. */
import { randomBytes } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** Plants secrets, and finds them in texts. */
export interface Planted {
  /** A new secret of letters and digits, which no encoding of URLs changes. */
  readonly plant: (name: string) => string;
  /** A signing secret, `whsec_…`; what is looked for is its key. */
  readonly plantKey: (name: string) => string;
  /** Names of the secrets that `text` shows. */
  readonly shownIn: (text: string) => readonly string[];
}

/** Starts with none. */
export function createPlanted(): Planted {
  const secrets = new Map<string, string>();
  const random = () => randomBytes(24).toString("hex");
  return {
    plant: (name) => {
      const secret = random();
      secrets.set(name, secret);
      return secret;
    },
    plantKey: (name) => {
      const key = Buffer.from(random()).toString("base64");
      secrets.set(name, key.replace(/=+$/, ""));
      return `whsec_${key}`;
    },
    shownIn: (text) =>
      [...secrets].flatMap(([name, secret]) => (text.includes(secret) ? name : [])),
  };
}

/** The command line of every process of this machine that can be read. */
export async function commandLines(): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""));
  return (await Promise.all(lines)).filter(Boolean).map((line) => line.replaceAll("\0", " "));
}

/** A file, as bytes are characters. */
export interface FoundFile {
  readonly path: string;
  /** The permission bits. */
  readonly mode: number;
  readonly text: string;
}

/** All files below `directory`; sockets and the like are left out. */
export async function filesBelow(directory: string): Promise<readonly FoundFile[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(
    files.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      return { path, mode: (await stat(path)).mode & 0o777, text: await readFile(path, "latin1") };
    }),
  );
}
