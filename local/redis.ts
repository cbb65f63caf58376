/**
 * The Redis of the stack: the server that REDIS_URL names, or a new one on a free loopback port with
 * its data in the project's folder and with minimal rights for function and subscriber.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { readRedisUrl, type RedisAddress, redisClientOptions } from "../protocol/redis/address.ts";
import { explainConnectFailure } from "../protocol/redis/connect-failure.ts";
import { freePort, LOOPBACK } from "./ports.ts";
import { findRedisServer } from "./redis-binary.ts";
import { makeRedisUsers, readNaming, type RedisUsers, urlAs } from "./redis-users.ts";
import { writeSecretFile } from "./secret-file.ts";
import type { Supervisor } from "./supervisor.ts";

export interface RedisOptions {
  /** The folder of the server's data. */
  readonly directory: string;
  /** The URL of a running server, which is used instead of a new one. */
  readonly url: string | undefined;
  /** Has the prefixes of keys and channels. */
  readonly env: NodeJS.ProcessEnv;
  /** Finds the server program. @default in PATH, or by installing it */
  readonly findServer?: () => Promise<string>;
}

/** The URLs of Redis. All but `shown` may contain a password. */
export interface StackRedis {
  /** As the function's user, for the gateway. */
  readonly functionUrl: string;
  /** As the subscribers' user. */
  readonly subscriberUrl: string;
  /** To be shown: without a password. */
  readonly shown: string;
  /** The file with the password of the admin user; undefined for a server that was not started here. */
  readonly passwordFile: string | undefined;
}

/** Another process may take a free port before the server does. */
const START_TRIES = 3;
const READY_WITHIN_MS = 15_000;
const PING_INTERVAL_MS = 50;

/** Resolves once the server has answered. */
export async function startRedis(
  supervisor: Supervisor,
  { directory, url, env, findServer = findRedisServer }: RedisOptions,
): Promise<StackRedis> {
  if (url !== undefined) {
    const address = readAddress(url);
    await assertAnswers(address);
    // With the user's name, which is no secret, and helps where there are several.
    const shown = new URL(url);
    shown.password &&= "***";
    return { functionUrl: url, subscriberUrl: url, shown: shown.href, passwordFile: undefined };
  }
  const users = makeRedisUsers(readNaming(env));
  const program = await findServer();
  await mkdir(directory, { recursive: true });
  await assertUnused(directory);
  await writeSecretFile(usersFile(directory), users.file);
  const passwordFile = join(directory, "password");
  await writeSecretFile(passwordFile, users.admin.password);
  for (let tries = 1; ; tries += 1) {
    try {
      const shown = await startServer(supervisor, { program, directory, users });
      return {
        functionUrl: urlAs(shown, users.function),
        subscriberUrl: urlAs(shown, users.subscriber),
        shown,
        passwordFile,
      };
    } catch (error) {
      const isPortTaken = error instanceof Error && error.message.includes("in use");
      if (!isPortTaken || tries === START_TRIES) throw error;
    }
  }
}

interface Server {
  readonly program: string;
  readonly directory: string;
  readonly users: RedisUsers;
}

async function startServer(
  supervisor: Supervisor,
  { program, directory, users }: Server,
): Promise<string> {
  const port = await freePort();
  const url = `redis://${LOOPBACK}:${port}`;
  await supervisor.start({
    name: "redis",
    command: program,
    args: serverArguments(port, directory),
    cwd: directory,
    isQuietAtStart: true,
    readyWithinMs: READY_WITHIN_MS,
    ready: (_, signal) => untilItAnswers(urlAs(url, users.admin), signal),
  });
  return url;
}

function serverArguments(port: number, directory: string): readonly string[] {
  const settings = {
    port: String(port),
    bind: LOOPBACK,
    "protected-mode": "yes",
    dir: directory,
    // Not on the command line, which other users of the machine can read.
    aclfile: usersFile(directory),
    pidfile: pidFile(directory),
    appendonly: "yes",
    appendfsync: "everysec",
    save: "",
    // A Redis that evicts keys under memory pressure would silently lose jobs.
    "maxmemory-policy": "noeviction",
    loglevel: "warning",
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

function usersFile(directory: string): string {
  return join(directory, "users.acl");
}

function pidFile(directory: string): string {
  return join(directory, "redis.pid");
}

/** Two servers that write one append-only file corrupt it, and redis-server does not prevent that. */
async function assertUnused(directory: string): Promise<void> {
  const pid = await readPid(pidFile(directory));
  if (pid === undefined || !(await isRedis(pid))) return;
  throw new Error(
    `A Redis server (process ${pid}) already uses the data in ${directory}: the stack is ` +
      `already running here, or was killed. End that process, or set SIGNALBOX_HOME to another folder.`,
  );
}

async function readPid(file: string): Promise<number | undefined> {
  try {
    const pid = Number((await readFile(file, "utf8")).trim());
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    // The server removes the file when it ends cleanly.
    return undefined;
  }
}

/** After a crash, the id in the file may be that of another process. */
async function isRedis(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const [, program = "", state = ""] =
      /^\d+ \((.*)\) (\S)/.exec(await readFile(`/proc/${pid}/stat`, "utf8")) ?? [];
    // Z and X: it has ended, but its parent has not yet waited for it.
    return /redis|valkey/.test(program) && !"ZX".includes(state);
  } catch {
    // Unknown without /proc: refusing is better than corrupting data.
    return true;
  }
}

async function untilItAnswers(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const problem = await ping(readAddress(url));
    if (problem === undefined) return;
    await sleep(PING_INTERVAL_MS, undefined, { signal });
  }
}

/** @throws Error if the URL cannot be used; it may contain a password, and is not shown */
function readAddress(url: string): RedisAddress {
  const reading = readRedisUrl(url);
  if ("address" in reading) return reading.address;
  throw new Error(`REDIS_URL: ${reading.problem}`);
}

/** The host and port, or the path, by which a user knows the server. */
function placeOf({ at }: RedisAddress): string {
  return at.kind === "tcp" ? `${at.host}:${at.port}` : at.path;
}

async function assertAnswers(address: RedisAddress): Promise<void> {
  const problem = await ping(address);
  if (problem === undefined) return;
  const { reason, fix } = explainConnectFailure(problem, address);
  throw new Error(
    `REDIS_URL: the server at ${placeOf(address)} does not answer: ${reason}; ${fix}`,
  );
}

/** Resolves to the reason why the server does not answer; undefined if it does. */
async function ping(address: RedisAddress): Promise<Error | undefined> {
  const redis = new Redis({
    ...redisClientOptions(address),
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
  });
  let reason: Error | undefined;
  // Rejections say "Connection is closed"; the event before has the reason.
  redis.on("error", (error: Error) => {
    reason ??= error;
  });
  try {
    await redis.connect();
    await redis.ping();
    // A database that cannot be selected is told as an error, and the client goes on in database 0.
    return reason;
  } catch (error) {
    return reason ?? (error instanceof Error ? error : new Error(String(error)));
  } finally {
    redis.disconnect();
  }
}
