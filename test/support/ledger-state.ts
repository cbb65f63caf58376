/** Reads a whole ledger and finds everything that breaks its invariants. */
import type { Redis } from "ioredis";
import { type Naming, queueKeys } from "../../protocol/redis/keys.ts";

/** All of one queue's ledger, read in one transaction. */
export interface LedgerState {
  readonly queue: string;
  readonly jobs: Readonly<Record<string, string>>;
  readonly results: Readonly<Record<string, string>>;
  /** Lease members: `<id> <token> <node>`. */
  readonly leases: readonly string[];
  readonly backlog: readonly string[];
  /** Ids of waiting jobs, by the only node that may run them. */
  readonly named: ReadonlyMap<string, readonly string[]>;
  readonly parked: readonly string[];
  readonly free: readonly string[];
  readonly nodes: Readonly<Record<string, string>>;
  /** Ids of jobs with a due time: delayed, or waiting with a deadline. */
  readonly due: readonly string[];
  /** Ids as the index lists them. */
  readonly indexed: readonly string[];
}

/**
 * Where each job is: `backlog`, `backlog:<node>`, `lease:<node>`, `delayed` or `result:<state>`. A backlog may hold the id
 * of a job that was ended or placed otherwise since; scripts drop such an id when they meet it, and so does this.
 */
export function placesOf(state: LedgerState): ReadonlyMap<string, readonly string[]> {
  const places = new Map<string, string[]>();
  const put = (id: string, place: string) => {
    places.set(id, [...(places.get(id) ?? []), place]);
  };
  const waits = (id: string) => wordOf(state.jobs[id] ?? "Q", 0) === "Q";
  for (const id of new Set(state.backlog.filter(waits))) put(id, "backlog");
  for (const [node, ids] of state.named) {
    for (const id of new Set(ids.filter(waits))) put(id, `backlog:${node}`);
  }
  for (const id of state.due) if (wordOf(state.jobs[id] ?? "", 0) === "D") put(id, "delayed");
  for (const member of state.leases) {
    const [id = "", , node = ""] = member.split(" ");
    put(id, `lease:${node}`);
  }
  for (const [id, record] of Object.entries(state.results)) put(id, `result:${wordOf(record, 0)}`);
  return places;
}

/** Reads the ledger of one queue in one transaction, so that nothing changes in between. */
export async function readState(redis: Redis, naming: Naming, queue: string): Promise<LedgerState> {
  const keys = queueKeys(naming, queue);
  const ownKeys = await redis.keys(keys.backlogOf("*"));
  const read = redis
    .multi()
    .hgetall(keys.jobs)
    .hgetall(keys.results)
    .zrange(keys.leases, "0", "-1")
    .lrange(keys.backlog, 0, -1)
    .smembers(keys.parked)
    .lrange(keys.free, 0, -1)
    .hgetall(keys.nodes)
    .zrange(keys.due, "0", "-1")
    .xrange(keys.index, "-", "+");
  for (const key of ownKeys) read.lrange(key, 0, -1);
  const replies = ((await read.exec()) ?? []).map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
  const [jobs, results, leases, backlog, parked, free, nodes, due, index, ...own] = replies;
  return {
    queue,
    jobs: jobs as Record<string, string>,
    results: results as Record<string, string>,
    leases: (leases as string[]).filter((member) => !/^(watch$|over2?:)/.test(member)),
    backlog: backlog as string[],
    named: new Map(
      ownKeys.map((key, at) => [key.slice(keys.backlogOf("").length), own[at] as string[]]),
    ),
    parked: parked as string[],
    free: free as string[],
    nodes: nodes as Record<string, string>,
    due: (due as string[]).filter((member) => !/^[/!]/.test(member)),
    indexed: (index as [string, string[]][]).flatMap(([, fields]) => (fields[1] ?? "").split(" ")),
  };
}

/** Everything that breaks an invariant of `docs/protocol.md`; empty if all is well. */
export function problemsOf(state: LedgerState): readonly string[] {
  return [...slotProblems(state), ...placeProblems(state), ...recordProblems(state)];
}

function slotProblems(state: LedgerState): string[] {
  const { nodes, free, leases } = state;
  const waiting = state.backlog.filter((id) => wordOf(state.jobs[id] ?? "", 0) === "Q");
  const problems: string[] = [];
  for (const [node, row] of Object.entries(nodes)) {
    const [, slots, connected] = row.split(" ");
    if (connected !== "1") continue;
    const idle = free.filter((name) => name === node).length;
    const busy = leases.filter((member) => member.endsWith(` ${node}`)).length;
    // A node that joined again with fewer slots may still end more attempts of its predecessor than it has slots.
    const right = busy > Number(slots) ? idle === 0 : idle + busy === Number(slots);
    if (!right) problems.push(`node ${node}: ${idle} free + ${busy} leases, but ${slots} slots`);
  }
  if (free.length > 0 && waiting.length > 0) {
    problems.push(`${free.length} slots are free while ${waiting.length} jobs wait`);
  }
  return problems;
}

function placeProblems(state: LedgerState): string[] {
  const problems: string[] = [];
  const places = placesOf(state);
  for (const id of Object.keys(state.jobs)) {
    const found = places.get(id) ?? [];
    if (found.length !== 1) problems.push(`job ${id} is in [${found.join(", ")}]`);
  }
  for (const id of places.keys()) {
    if (!Object.hasOwn(state.jobs, id)) problems.push(`unknown job ${id} is in a list`);
  }
  return problems;
}

function recordProblems(state: LedgerState): string[] {
  const problems: string[] = [];
  const places = placesOf(state);
  for (const [id, record] of Object.entries(state.jobs)) {
    const place = places.get(id)?.[0] ?? "";
    const phase = wordOf(record, 0);
    if (place.startsWith("backlog") && phase !== "Q") problems.push(`job ${id} waits as ${phase}`);
    if (place.startsWith("lease") && !/^[RC]$/.test(phase))
      problems.push(`job ${id} runs as ${phase}`);
    const target = wordOf(record, 6);
    if (
      place.startsWith("backlog") &&
      place !== (target === "-" ? "backlog" : `backlog:${target}`)
    ) {
      problems.push(`job ${id} for ${target} waits in ${place}`);
    }
    if (place.startsWith("lease") && target !== "-" && place !== `lease:${target}`) {
      problems.push(`job ${id} for ${target} is at ${place}`);
    }
    if (!state.indexed.includes(id)) problems.push(`job ${id} is not in the index`);
  }
  for (const [node, ids] of state.named) {
    const waiting = ids.filter((id) => wordOf(state.jobs[id] ?? "", 0) === "Q");
    if (waiting.length > 0 && !state.parked.includes(node)) problems.push(`${node} is not parked`);
  }
  return problems;
}

function wordOf(record: string, at: number): string {
  return record.split("\n", 1)[0]?.split(" ")[at] ?? "";
}
