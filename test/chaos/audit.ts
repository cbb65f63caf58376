/**
 * Reads Redis's log of every write from the append-only file: which jobs ended and how often, which results entered
 * and left the outbox. It also shows what was overwritten later.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { defaultNaming, queueKeys } from "../../protocol/redis/keys.ts";
import { parseRecord, parseResultRecord } from "../../protocol/wire/record.ts";
import { createSlotAudit } from "./slot-audit.ts";
import { queueNames } from "./stack.ts";

export interface Audit {
  /** `<queue> <id> <acceptance>` → the tokens of every end that was written. */
  readonly ends: ReadonlyMap<string, readonly string[]>;
  /** `<queue> <id>` → the stamp of each acceptance. */
  readonly acceptances: ReadonlyMap<string, ReadonlySet<string>>;
  /** `<queue> <entry>` → how often it was removed from the outbox. */
  readonly outbox: ReadonlyMap<string, number>;
  /** Violations of the slot invariants between two scripts, and how often these were checked. */
  readonly slots: readonly string[];
  readonly checks: number;
}

/** Reads the log of the server that `direct` is connected to. The server must never rewrite it. */
export async function readAudit(direct: Redis): Promise<Audit> {
  const [, dir] = (await direct.config("GET", "dir")) as [string, string];
  const [, name] = (await direct.config("GET", "appenddirname")) as [string, string];
  const manifest = await readFile(join(dir, name, "appendonly.aof.manifest"), "utf8");
  const files = [...manifest.matchAll(/^file (\S+) seq \d+ type i/gm)].map(([, file = ""]) => file);
  const ends = new Map<string, string[]>();
  const outbox = new Map<string, number>();
  const acceptances = new Map<string, Set<string>>();
  const jobs = new Map(queueNames.map((queue) => [keysOf(queue).jobs, queue]));
  const results = new Map(queueNames.map((queue) => [keysOf(queue).results, queue]));
  const outboxes = new Map(queueNames.map((queue) => [keysOf(queue).outbox, queue]));
  const slots = queueNames.map((queue) => createSlotAudit(queue, keysOf(queue)));
  let commands = 0;
  let isInScript = false;

  function follow([name = "", key = "", ...args]: readonly string[]): void {
    commands += 1;
    const command = name.toUpperCase();
    if (command === "MULTI") isInScript = true;
    else if (command === "EXEC") isInScript = false;
    else {
      note(command, key, args);
      for (const each of slots) each.note(command, key, args);
    }
    if (!isInScript) for (const each of slots) each.check(commands);
  }

  function note(command: string, key: string, args: readonly string[]): void {
    if (jobs.has(key) && command === "HSET") noteJobs(jobs.get(key) ?? "", args);
    const queue = results.get(key) ?? outboxes.get(key);
    if (queue === undefined) return;
    switch (command) {
      case "HSET":
        for (let at = 0; at + 1 < args.length; at += 2) {
          const { token } = parseResultRecord(args[at + 1] ?? "");
          const end = `${queue} ${args[at]} ${token.slice(0, token.lastIndexOf("."))}`;
          ends.set(end, [...(ends.get(end) ?? []), token]);
        }
        return;
      case "XADD":
        outbox.set(`${queue} ${args[0]}`, 0);
        return;
      case "XDEL":
        for (const entry of args) {
          const place = `${queue} ${entry}`;
          outbox.set(place, (outbox.get(place) ?? 0) + 1);
        }
    }
  }

  function noteJobs(queue: string, args: readonly string[]): void {
    for (let at = 0; at + 1 < args.length; at += 2) {
      const job = `${queue} ${args[at]}`;
      const known = acceptances.get(job) ?? new Set();
      acceptances.set(job, known.add(parseRecord(args[at + 1] ?? "").accepted));
    }
  }

  for (const file of files) {
    for (const words of commandsOf(await readFile(join(dir, name, file)))) follow(words);
  }
  return {
    ends,
    outbox,
    acceptances,
    slots: slots.flatMap(({ problems }) => problems),
    checks: slots.reduce((sum, each) => sum + each.checks(), 0),
  };
}

function keysOf(queue: string) {
  return queueKeys(defaultNaming, queue);
}

/** Parses a sequence of RESP arrays of bulk strings. */
function* commandsOf(bytes: Buffer): Generator<readonly string[]> {
  let at = 0;
  const header = (): number => {
    const end = bytes.indexOf("\r\n", at);
    const count = Number(bytes.toString("latin1", at + 1, end));
    at = end + 2;
    return count;
  };
  while (at < bytes.length) {
    const words = Array.from({ length: header() }, () => {
      const length = header();
      const word = bytes.toString("utf8", at, at + length);
      at += length + 2;
      return word;
    });
    yield words;
  }
}
