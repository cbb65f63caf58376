/**
 * Redis, gateway, function and subscribers with a secret planted in every setting. Keeps everything that they write,
 * answer and publish, by its place.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "../../local/ports.ts";
import { type AclRole, aclRules } from "../../protocol/redis/acl.ts";
import { defaultNaming } from "../../protocol/redis/keys.ts";
import { createFunctionPart, createGatewayPart, type Part } from "../chaos/master.ts";
import { commandLines, filesBelow, type FoundFile, type Planted } from "./planted.ts";
import { type RedisServer, startRedisServer } from "./redis-server.ts";
import { spawnSubscriber, type SubscriberProcess } from "./subscriber-process.ts";

/** A text that a part wrote, and where. */
export interface Written {
  readonly place: string;
  readonly text: string;
}

/** The answer of the function to one request. */
export interface Answered {
  readonly status: number;
  readonly text: string;
}

/** The running parts, and what they have written so far. */
export interface PlantedStack extends AsyncDisposable {
  /** The folder of all files that the parts make. */
  readonly home: string;
  readonly server: RedisServer;
  readonly admin: Redis;
  /** URLs of Redis by role, with passwords. */
  readonly urls: Readonly<Record<AclRole, string>>;
  readonly token: string;
  readonly limitedToken: string;
  readonly restToken: string;
  /** The variables of the function. */
  readonly variables: Readonly<Record<string, string>> & {
    readonly SIGNALBOX_SIGNING_SECRET: string;
  };
  readonly master: Part;
  readonly written: readonly Written[];
  /** Adds a text to `written`. */
  readonly write: (place: string, text: string) => void;
  /** Sends a request to the function and keeps the answer. @param shown the bearer token */
  readonly ask: (method: string, path: string, body?: unknown, shown?: string) => Promise<Answered>;
  /** Starts a subscriber with all its secrets; `env` may override them. */
  readonly launch: (
    env: Readonly<Record<string, string>>,
    early?: boolean,
  ) => Promise<SubscriberProcess>;
  /** Collects the output of all parts so far and the files of Redis; returns the other files that were made. */
  readonly collectFiles: () => Promise<readonly FoundFile[]>;
  /** Collects the command line of every process. */
  readonly look: () => Promise<void>;
}

/** Starts all parts but the subscribers. */
export async function startPlantedStack({ plant, plantKey }: Planted): Promise<PlantedStack> {
  await using starting = new AsyncDisposableStack();
  const written: Written[] = [];
  const write = (place: string, text: string): void => {
    written.push({ place, text });
  };
  const home = await mkdtemp(join(tmpdir(), "signalbox-planted-"));
  starting.defer(() => rm(home, { recursive: true, force: true }));
  starting.defer(await divertTemporaryFiles(join(home, "tmp")));

  const server = starting.use(await startRedisServer({ appendonly: true }));
  const admin = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  const ear = admin.duplicate();
  for (const redis of [admin, ear]) {
    redis.on("error", () => undefined); // tests take the server away
    starting.defer(() => {
      redis.disconnect();
    });
  }
  ear.on("pmessage", (_pattern, channel: string, text: string) => {
    write(`channel ${channel}`, text);
  });
  await ear.psubscribe("*");
  const userUrl = async (role: AclRole) => {
    const secret = plant(`Redis password of the ${role}`);
    const rules = [...aclRules(defaultNaming, role), `>${secret}`];
    await admin.call("ACL", "SETUSER", `my-${role}`, ...rules);
    return server.url.replace("//", `//my-${role}:${secret}@`);
  };
  const urls = { function: await userUrl("function"), subscriber: await userUrl("subscriber") };
  // Redis stores digests, and a restart of the server loads them again.
  await admin.call("ACL", "SAVE");

  const token = plant("bearer token");
  const limitedToken = plant("limited bearer token");
  const sha256 = createHash("sha256").update(limitedToken).digest("hex");
  const secrets = {
    SIGNALBOX_SIGNING_SECRET: plantKey("signing secret"),
    SIGNALBOX_ENVELOPE_SECRET: plantKey("envelope secret"),
  };
  const restToken = plant("REST token");
  const gateway = createGatewayPart({
    redisUrl: urls.function,
    port: await freePort(),
    token: restToken,
  });
  starting.defer(gateway.stop);
  await gateway.start();
  const variables = {
    UPSTASH_REDIS_REST_URL: gateway.url,
    UPSTASH_REDIS_REST_TOKEN: restToken,
    SIGNALBOX_TOKEN: token,
    SIGNALBOX_TOKENS: JSON.stringify([
      { name: "limited", sha256, scopes: ["read"], queues: ["other"] },
    ]),
    SIGNALBOX_RATE_LIMIT: "1000/1m",
    ...secrets,
  };
  const directory = join(home, "function");
  const master = createFunctionPart({ directory, port: await freePort(), variables });
  starting.defer(master.stop);
  await master.start();
  const subscribers: SubscriberProcess[] = [];
  const parts = starting.move();

  async function ask(
    method: string,
    path: string,
    body?: unknown,
    shown = token,
  ): Promise<Answered> {
    const response = await fetch(`${master.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${shown}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    write(`${method} ${path} → ${response.status}`, `${[...response.headers].join()}\n${text}`);
    return { status: response.status, text };
  }

  async function launch(
    env: Readonly<Record<string, string>>,
    early = false,
  ): Promise<SubscriberProcess> {
    const given = { REDIS_URL: urls.subscriber, ...secrets, LOG_LEVEL: "trace", ...env };
    const callback = { SIGNALBOX_CALLBACK_URL: `${master.url}/v1/results` };
    const temporary = { TMPDIR: join(home, "tmp") };
    const started = await spawnSubscriber({ ...callback, ...temporary, ...given }, { early });
    subscribers.push(parts.use(started));
    return started;
  }

  async function collectFiles(): Promise<readonly FoundFile[]> {
    for (const { lines, stderr } of subscribers)
      write("a subscriber", JSON.stringify(lines) + stderr());
    write("the gateway", gateway.lines.join("\n"));
    write("the function", master.lines.join("\n"));
    write("the ACL log", JSON.stringify(await admin.call("ACL", "LOG")));
    // The append-only file has every write since the start, also of what has expired or was deleted.
    const [, serverDirectory = ""] = await admin.config("GET", "dir");
    for (const { path, text } of await filesBelow(serverDirectory)) write(path, text);
    return filesBelow(home);
  }

  return {
    home,
    server,
    admin,
    urls,
    token,
    limitedToken,
    restToken,
    variables,
    master,
    written,
    write,
    ask,
    launch,
    collectFiles,
    look: async () => {
      write("the process list", (await commandLines()).join("\n"));
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** Makes processes that are started from now on put temporary files below `directory`; returns how to end that. */
async function divertTemporaryFiles(directory: string): Promise<() => void> {
  const before = process.env["TMPDIR"];
  await mkdir(directory);
  process.env["TMPDIR"] = directory;
  return () => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  };
}
