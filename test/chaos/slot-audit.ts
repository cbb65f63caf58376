/**
 * Follows the slots through Redis's own log of writes, and holds the two invariants of `place.ts` against
 * what was true after each script: a drift that a later join put right is found here all the same.
 */
import type { QueueKeys } from "../../protocol/redis/keys.ts";

/** One queue's slots, as far as the log has been read. */
export type SlotAudit = ReturnType<typeof createSlotAudit>;

interface Job {
  readonly phase: string;
  /** Whether it waits only until a certain time, which the log does not tell. */
  readonly isMortal: boolean;
}

/** Reads the writes of one queue; `problems` are what was wrong between two scripts. */
export function createSlotAudit(queue: string, keys: QueueKeys) {
  const lists = new Map<string, string[]>([
    [keys.free, []],
    [keys.backlog, []],
  ]);
  const leases = new Set<string>();
  const seats = new Map<string, string>();
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
      pairs(args, (node, seat) => seats.set(node, seat));
    } else if (key === keys.nodes && command === "HDEL") {
      for (const node of args) seats.delete(node);
    } else if (key === keys.results && command === "HSET") pairs(args, (id) => ended.add(id));
    else if (key === keys.results && command === "HDEL") for (const id of args) ended.delete(id);
    else if (key === keys.jobs && command === "HSET") {
      pairs(args, (id, record) => {
        const [phase = "", , , , deadline] = record.split(" ", 5);
        jobs.set(id, { phase, isMortal: deadline !== "-" });
      });
    }
  }

  function check(where: number): void {
    checks += 1;
    const free = lists.get(keys.free) ?? [];
    for (const [node, seat] of seats) {
      const [, slots, connected] = seat.split(" ");
      if (connected !== "1") continue;
      const idle = free.filter((name) => name === node).length;
      const busy = [...leases].filter((member) => member.endsWith(` ${node}`)).length;
      if (busy > Number(slots) ? idle === 0 : idle + busy === Number(slots)) continue;
      tell(where, `node ${node} has ${idle} free + ${busy} leases of ${slots} slots`);
    }
    if (free.length === 0) return;
    const waiting = (lists.get(keys.backlog) ?? []).filter((id) => {
      const job = jobs.get(id);
      return job?.phase === "Q" && !job.isMortal && !ended.has(id);
    });
    if (waiting.length > 0) tell(where, `${waiting.join(" ")} wait beside free ${free.join(" ")}`);
  }

  function tell(where: number, problem: string): void {
    if (problems.length < 20) problems.push(`${queue}, after command ${where}: ${problem}`);
  }

  return { note, check, problems: problems as readonly string[], checks: () => checks };
}
