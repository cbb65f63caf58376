/** Whether a Redis can run jobs and be trusted with them, and whether it is a Cluster: read from its `INFO`. */
import type { RedisPort } from "../../protocol/redis/port.ts";
import type { SubscriberEvents } from "../events.ts";

/** What `INFO` says about the safety of jobs. */
export interface RedisFitness {
  /** Why this Redis may throw jobs away; `null` if it does not. */
  readonly refused: string | null;
  /** Why it may lose some when it crashes. */
  readonly doubts: readonly string[];
}

/** Whether the text of `INFO` comes from a server of a Cluster. Pure. */
export function isClustered(info: string): boolean {
  return /^cluster_enabled:1\r?$/m.test(info);
}

/** Judges the text of `INFO`. Pure. Settings that a hosted Redis does not show count as sound. */
export function judgeRedis(info: string): RedisFitness {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1];
  const policy = field("maxmemory_policy");
  const isEvicting = policy !== undefined && policy !== "noeviction";
  const hasLimit = field("maxmemory") !== "0";
  const doubts: string[] = [];
  if (isEvicting && !hasLimit) {
    doubts.push(`maxmemory-policy is ${policy}: set noeviction before you set maxmemory`);
  }
  if (field("aof_enabled") === "0") {
    doubts.push("appendonly is off: a restart of Redis loses what it has not saved");
  }
  const refused =
    isEvicting && hasLimit
      ? `expected maxmemory-policy noeviction, got ${policy}: this Redis throws keys away when it is full, and jobs ` +
        "with them. Set it with: redis-cli config set maxmemory-policy noeviction. To run all the same: SIGNALBOX_ALLOW_EVICTION=yes"
      : null;
  return { refused, doubts };
}

/** The oldest version that works: scripts use commands and rights of 6.2. */
export const oldestVersion = "6.2";

/**
 * Judges by the text of `INFO` what kind of server this is: refused if no job can run there. Pure. What a server does not
 * show counts as right.
 */
export function judgeServer(info: string): RedisFitness {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1];
  if (field("redis_mode") === "sentinel") {
    const refused =
      "expected a Redis server, got a Sentinel, which holds no data: give an address that always leads to the present " +
      "master (docs/operations.md#redis-sentinel)";
    return { refused, doubts: [] };
  }
  const doubts: string[] = [];
  if (field("role") === "slave") {
    doubts.push("this server is a replica, which takes no jobs: give the address of its master");
  }
  const version = field("redis_version");
  if (version !== undefined && isOlder(version, oldestVersion)) {
    doubts.push(
      `version ${version} is too old: Signalbox needs Redis ${oldestVersion} or later, Valkey or KeyDB`,
    );
  }
  return { refused: null, doubts };
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = than.split(".").map(Number);
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

/** What `checkRedis` is given. */
export interface CheckOptions {
  readonly redis: RedisPort;
  readonly events: SubscriberEvents;
  /** The reply to `INFO`, if it has been asked already. */
  readonly info: string | undefined;
  /** Whether to run on a Redis that may evict keys. */
  readonly allowsEviction: boolean;
}

/**
 * Checks a Redis that is connected: emits `redis:refused` if it may throw jobs away, `redis:doubtful` for each setting
 * that is not safe. Jobs run meanwhile.
 * @throws SignalboxError if `INFO` fails, or is forbidden
 */
export async function checkRedis({
  redis,
  events,
  info,
  allowsEviction,
}: CheckOptions): Promise<void> {
  const [asked] = info === undefined ? await redis.send([{ command: ["INFO"] }]) : [info];
  const text = typeof asked === "string" ? asked : "";
  const server = judgeServer(text);
  const { refused, doubts } = judgeRedis(text);
  for (const reason of [...server.doubts, ...doubts]) events.emit("redis:doubtful", { reason });
  if (server.refused !== null) {
    events.emit("redis:refused", { reason: server.refused });
    return;
  }
  if (refused === null) return;
  events.emit(allowsEviction ? "redis:doubtful" : "redis:refused", { reason: refused });
}
