/** A real Redis server for a test, with its own port and directory, which are gone when it is stopped. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { findRedisServer } from "../../local/redis-binary.ts";
import { usersFile } from "./redis-users.ts";

export interface RedisServerOptions {
  /** Whether writes survive a crash: each is synced before it is answered. @default false */
  readonly appendonly?: boolean;
  /** More arguments of the program, such as `["--maxmemory", "8mb"]`. @default none */
  readonly args?: readonly string[];
}

export interface RedisServer extends AsyncDisposable {
  /** Without credentials, as a user that may do everything. See `redis-users.ts` for the others. */
  readonly url: string;
  readonly port: number;
  /** Kills it with SIGKILL and keeps its directory; resolves once it is gone. */
  crash(): Promise<void>;
  /** Starts it again after `crash`, on the same port and directory; resolves once it answers. */
  restart(): Promise<void>;
  /** Makes it hang: it accepts connections but answers nothing. */
  pause(): void;
  /** Ends `pause`. */
  resume(): void;
  /** Kills it and removes its directory. May be called twice. */
  stop(): Promise<void>;
}

/** Another process may take a free port before the server binds it. */
const PORT_ATTEMPTS = 5;
const START_LIMIT_MS = 15_000;
const CONNECT_RETRY_MS = 20;
const COMMAND_LIMIT_MS = 2_000;

/** Resolves once the server answers on a free port of 127.0.0.1. */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const program = await findRedisServer();
  const dir = await mkdtemp(join(tmpdir(), "redis-server-"));
  await writeFile(join(dir, "users.acl"), usersFile());
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      const child = await start(program, { dir, port, options });
      return serverOf(child, port, {
        again: () => start(program, { dir, port, options }),
        remove: () => rm(dir, { recursive: true, force: true }),
      });
    } catch (error) {
      if (attempt < PORT_ATTEMPTS) continue;
      await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }
}

interface Files {
  readonly again: () => Promise<ChildProcess>;
  readonly remove: () => Promise<void>;
}

function serverOf(first: ChildProcess, port: number, { again, remove }: Files): RedisServer {
  let child = first;
  const stop = async () => {
    await kill(child);
    await remove();
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    crash: () => kill(child),
    restart: async () => {
      child = await again();
    },
    pause: () => {
      child.kill("SIGSTOP");
    },
    resume: () => {
      child.kill("SIGCONT");
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Place {
  readonly dir: string;
  readonly port: number;
  readonly options: RedisServerOptions;
}

async function start(program: string, { dir, port, options }: Place): Promise<ChildProcess> {
  const log = join(dir, "redis.log");
  const child = spawn(
    program,
    [
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--dir",
      dir,
      "--logfile",
      log,
      "--save",
      "",
      "--appendonly",
      options.appendonly === true ? "yes" : "no",
      "--appendfsync",
      "always",
      "--aclfile",
      join(dir, "users.acl"),
      ...(options.args ?? []),
    ],
    { stdio: "ignore" },
  );
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  child.once("exit", () => process.removeListener("exit", killWithUs));

  const waiting = new AbortController();
  // eslint-disable-next-line no-restricted-syntax -- the limit of a start that is awaited by event
  const signal = AbortSignal.any([waiting.signal, AbortSignal.timeout(START_LIMIT_MS)]);
  const answers = await Promise.race([
    once(child, "exit", { signal }).then(() => false),
    answersAs(child.pid, port, signal),
  ])
    .catch(() => false)
    .finally(() => {
      waiting.abort();
    });
  if (answers) return child;
  await kill(child);
  const said = await readFile(log, "utf8").catch(() => "nothing");
  throw new Error(`redis-server did not start on port ${port}; its log says:\n${said}`);
}

/** Connects until a server answers, and then checks that it is the one that was started. */
async function answersAs(pid: number | undefined, port: number, signal: AbortSignal) {
  const redis = new Redis(port, "127.0.0.1", {
    retryStrategy: () => CONNECT_RETRY_MS,
    maxRetriesPerRequest: null,
    enableReadyCheck: false,
    commandTimeout: COMMAND_LIMIT_MS,
  });
  redis.on("error", () => undefined);
  try {
    // Not events.once, which gives up at the first failed attempt.
    await new Promise((resolve, reject) => {
      redis.once("ready", resolve);
      signal.addEventListener("abort", reject);
    });
    const info = await redis.info("server").catch((error: unknown) => String(error));
    // A server that requires a password answers with an error; then the exit of the child decides.
    return info.includes("NOAUTH") || info.includes(`process_id:${pid}\r\n`);
  } finally {
    redis.disconnect();
  }
}

async function kill(child: ChildProcess): Promise<void> {
  const wasStarted = child.pid !== undefined;
  if (!wasStarted || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
