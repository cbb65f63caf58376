/**
 * Follows the slots through Redis's log of writes and checks the two invariants of placing after each script. This also
 * finds a drift that a later join repaired.
 */
import type { QueueKeys } from "../../protocol/redis/keys.ts";

/** The slots of one queue, as of the last command that was noted. */
export interface SlotAudit {
  /** Applies one command of the log. */
  note(command: string, key: string, args: readonly string[]): void;
  /** Checks the invariants; to be called after each script. @param where number of the command in the log */
  check(where: number): void;
  /** Violations, at most 20. */
  readonly problems: readonly string[];
  /** How often the invariants were checked. */
  checks(): number;
}

interface Job {
  readonly phase: string;
  /** Whether it has a deadline; the log does not show when that passes. */
  readonly hasDeadline: boolean;
}

/** Creates the audit of one queue, which is empty at first. */
export function createSlotAudit(queue: string, keys: QueueKeys): SlotAudit {
  const lists = new Map<string, string[]>([
    [keys.free, []],
    [keys.backlog, []],
  ]);
  const leases = new Set<string>();
  const rows = new Map<string, string>();
  const jobs = new Map<string, Job>();
  const ended = new Set<string>();
  const problems: string[] = [];
  let checks = 0;

  function changeList(command: string, list: string[], args: readonly string[]): void {
    if (command === "RPUSH") list.push(...args);
    else if (command === "LPUSH") list.unshift(...args.toReversed());
    else if (command === "LPOP") list.splice(0, Number(args[0] ?? 1));
    else if (command === "RPOP") list.splice(-Number(args[0] ?? 1));
    else if (command === "DEL") list.length = 0;
    else if (command === "LREM") {
      const [count = "0", word = ""] = args;
      let left = Number(count) === 0 ? Infinity : Number(count);
      const kept = list.filter((each) => each !== word || left-- <= 0);
      list.splice(0, list.length, ...kept);
    }
  }

  function pairs(args: readonly string[], set: (first: string, second: string) => void): void {
    for (let at = 0; at + 1 < args.length; at += 2) set(args[at] ?? "", args[at + 1] ?? "");
  }

  function note(command: string, key: string, args: readonly string[]): void {
    const list = lists.get(key);
    if (list !== undefined) changeList(command, list, args);
    else if (key === keys.leases && command === "ZADD") {
      pairs(
        args.filter((word) => word !== "XX" && word !== "NX"),
        (_, member) => leases.add(member),
      );
    } else if (key === keys.leases && command === "ZREM") {
      for (const member of args) leases.delete(member);
    } else if (key === keys.nodes && command === "HSET") {
      pairs(args, (node, row) => rows.set(node, row));
    } else if (key === keys.nodes && command === "HDEL") {
      for (const node of args) rows.delete(node);
    } else if (key === keys.results && command === "HSET") pairs(args, (id) => ended.add(id));
    else if (key === keys.results && command === "HDEL") for (const id of args) ended.delete(id);
    else if (key === keys.jobs && command === "HSET") {
      pairs(args, (id, record) => {
        const [phase = "", , , , deadline] = record.split(" ", 5);
        jobs.set(id, { phase, hasDeadline: deadline !== "-" });
      });
    }
  }

  function check(where: number): void {
    checks += 1;
    const free = lists.get(keys.free) ?? [];
    for (const [node, row] of rows) {
      const [, slots, connected] = row.split(" ");
      if (connected !== "1") continue;
      const idle = free.filter((name) => name === node).length;
      const busy = [...leases].filter((member) => member.endsWith(` ${node}`)).length;
      if (busy > Number(slots) ? idle === 0 : idle + busy === Number(slots)) continue;
      report(where, `node ${node} has ${idle} free + ${busy} leases of ${slots} slots`);
    }
    if (free.length === 0) return;
    const waiting = (lists.get(keys.backlog) ?? []).filter((id) => {
      const job = jobs.get(id);
      return job?.phase === "Q" && !job.hasDeadline && !ended.has(id);
    });
    if (waiting.length > 0)
      report(where, `${waiting.join(" ")} wait although free slots exist: ${free.join(" ")}`);
  }

  function report(where: number, problem: string): void {
    if (problems.length < 20) problems.push(`${queue}, after command ${where}: ${problem}`);
  }

  return { note, check, problems, checks: () => checks };
}
