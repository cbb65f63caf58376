/**
 * Secrets planted in every setting, on real parts (redis-server, gateway, workerd, subscriber processes, command
 * line), through success, failure, refusal, wrong settings and an outage of Redis. Then everything that was
 * written is searched for them.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { makeToken } from "../../cli/keys.ts";
import { freePort } from "../../local/ports.ts";
import { aclRules, type AclRole } from "../../protocol/acl.ts";
import { defaultNaming } from "../../protocol/keys.ts";
import { createFunctionPart, createGatewayPart } from "../chaos/master.ts";
import { commandLines, createPlanted, filesBelow } from "../support/planted.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { spawnSubscriber, type SubscriberProcess } from "../support/subscriber-process.ts";
import { until } from "../support/until.ts";

const root = join(import.meta.dirname, "../..");
/** Not secret: shows that what is searched is where things are found. */
const marker = "marker-0123456789";

test("no secret is in logs, answers, Redis, files or the process list", async () => {
  await using parts = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), "signalbox-planted-"));
  parts.defer(() => rm(home, { recursive: true, force: true }));
  const { plant, plantKey, shownIn } = createPlanted();
  /** Everything that was written, by where. */
  const written: { readonly place: string; readonly text: string }[] = [];
  const write = (place: string, text: string) => written.push({ place, text });

  // What parts write into the directory for temporary files is searched too.
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = join(home, "tmp");
  parts.defer(() => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  });
  await mkdir(join(home, "tmp"));

  const server = parts.use(await startRedisServer({ appendonly: true }));
  const admin = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  admin.on("error", () => undefined); // it is taken away below
  const ear = admin.duplicate();
  ear.on("error", () => undefined);
  parts.defer(() => {
    admin.disconnect();
    ear.disconnect();
  });
  const userUrl = async (role: AclRole) => {
    const secret = plant(`Redis password of the ${role}`);
    await admin.call(
      "ACL",
      "SETUSER",
      `my-${role}`,
      ...aclRules(defaultNaming, role),
      `>${secret}`,
    );
    return server.url.replace("//", `//my-${role}:${secret}@`);
  };
  const urls = { function: await userUrl("function"), subscriber: await userUrl("subscriber") };
  // As digests, with the users of the test server; a restart has them again.
  await admin.call("ACL", "SAVE");
  ear.on("pmessage", (_pattern, channel: string, text: string) => {
    write(`channel ${channel}`, text);
  });
  await ear.psubscribe("*");

  const restToken = plant("REST token");
  const signing = plantKey("signing secret");
  const envelope = plantKey("envelope secret");
  const token = plant("bearer token");
  const limited = await makeToken("limited", { scopes: ["read"], queues: ["other"] }, "[]");
  const shop = plant("limited bearer token");
  const [entry] = limited.tokens;
  const { createHash } = await import("node:crypto");
  const sha256 = createHash("sha256").update(shop).digest("hex");
  const gateway = createGatewayPart({
    ...{ redisUrl: urls.function, port: await freePort(), token: restToken },
  });
  parts.defer(gateway.stop);
  await gateway.start();

  const port = await freePort();
  const variables = {
    UPSTASH_REDIS_REST_URL: gateway.url,
    UPSTASH_REDIS_REST_TOKEN: restToken,
    SIGNALBOX_TOKEN: token,
    SIGNALBOX_TOKENS: JSON.stringify([{ ...entry, sha256 }]),
    SIGNALBOX_RATE_LIMIT: "1000/1m",
    SIGNALBOX_SIGNING_SECRET: signing,
    SIGNALBOX_ENVELOPE_SECRET: envelope,
  };
  const master = createFunctionPart({ directory: join(home, "function"), port, variables });
  parts.defer(master.stop);
  await master.start();

  const ask = async (method: string, path: string, body?: unknown, shown = token) => {
    const response = await fetch(`${master.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${shown}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    write(`${method} ${path} → ${response.status}`, `${[...response.headers].join()}\n${text}`);
    return { status: response.status, text };
  };

  const subscribers: SubscriberProcess[] = [];
  const launch = async (env: Readonly<Record<string, string>>, early = false) => {
    const started = await spawnSubscriber(
      {
        ...{ REDIS_URL: urls.subscriber, SIGNALBOX_CALLBACK_URL: `${master.url}/v1/results` },
        ...{ SIGNALBOX_SIGNING_SECRET: signing, SIGNALBOX_ENVELOPE_SECRET: envelope },
        ...{ LOG_LEVEL: "trace", TMPDIR: join(home, "tmp") },
        ...env,
      },
      { early },
    );
    subscribers.push(parts.use(started));
    return started;
  };
  const look = async () => {
    write("the process list", (await commandLines()).join("\n"));
  };
  const run = async (id: string, name: string) => {
    const job = { id, name, payload: { marker }, attempts: 1 };
    expect((await ask("POST", "/v1/jobs", job)).status).toBe(202);
    return ask("GET", `/v1/jobs/${id}?wait=20`);
  };

  // Success, and failure.
  const first = await launch({ SIGNALBOX_NODES: "1" });
  expect((await run("ok", "echo")).text).toContain(`"state":"succeeded"`);
  expect((await run("bad", "nobody")).text).toContain(`"state":"failed"`);
  await look();

  // Who may not: an unknown token, one that does not suffice, a callback that is not signed, jobs that are not.
  const stranger = plant("token of a stranger");
  expect((await ask("GET", "/v1/jobs", undefined, stranger)).status).toBe(401);
  expect((await ask("GET", "/v1/jobs", undefined, shop)).status).toBe(200);
  expect((await ask("POST", "/v1/jobs", { name: "echo" }, shop)).status).toBe(403);
  expect((await ask("POST", "/v1/results", { deliveries: [] })).status).toBe(401);
  await admin.publish("CHANNEL_DISPATCH_1", "42");
  await admin.publish("CHANNEL_DISPATCH_1", '{"no":"envelope"}');
  await until(async () => (await admin.xlen("signalbox:dead-letters")) === 2, {
    or: "two dead letters",
  });

  // A subscriber whose results are refused, and whose jobs the function has not signed for it.
  const other = await launch({
    SIGNALBOX_NODES: "2@elsewhere",
    SIGNALBOX_SIGNING_SECRET: plantKey("another signing secret"),
    SIGNALBOX_ENVELOPE_SECRET: plantKey("another envelope secret"),
  });
  await ask("POST", "/v1/jobs", { id: "refused", name: "echo", queue: "elsewhere" });
  await other.says("job refused: its signature is not right; kept in the dead letters");
  await other.says("results not recorded yet; they stay in the outbox");
  other.kill("SIGTERM");

  // Redis is away, and back.
  await server.crash();
  expect((await ask("POST", "/v1/jobs", { name: "echo" })).status).toBe(503);
  expect((await ask("GET", "/healthz")).status).toBe(503);
  await server.restart();
  await until(async () => (await ask("GET", "/healthz")).status === 200, {
    within: 20_000,
    or: "a healthy function",
  });
  await first.says("listening", { count: 2 });
  expect((await run("again", "echo")).text).toContain(`"state":"succeeded"`);

  // Secrets that are wrong, of their form or altogether.
  const wrongUrl = (name: string) => server.url.replace("//", `//my-function:${plant(name)}@`);
  for (const [at, env] of [
    { REDIS_URL: wrongUrl("wrong Redis password") },
    { REDIS_URL: `reddis://u:${plant("password in a malformed REDIS_URL")}@127.0.0.1` },
    { SIGNALBOX_SIGNING_SECRET: plant("malformed signing secret") },
    { SIGNALBOX_ENVELOPE_SECRET: plant("malformed envelope secret") },
    {
      SIGNALBOX_CALLBACK_URL: `${master.url.replace("//", `//u:${plant("callback password")}@`)}/x`,
    },
    { SIGNALBOX_SLOTS: plant("slots") },
  ].entries()) {
    const wrong = await launch({ SIGNALBOX_NODES: `w${at}`, ...env }, true);
    if (at > 0) expect(await wrong.exited, wrong.stderr()).toBe(2);
    else
      await until(() => wrong.lines.length > 0 || wrong.stderr() !== "", {
        or: "a word of the subscriber",
      });
    wrong.kill("SIGTERM");
  }
  for (const [at, settings] of [
    { redisUrl: wrongUrl("wrong Redis password of the gateway"), token: restToken },
    { redisUrl: urls.function, token: `${plant("malformed REST token")} with spaces` },
    { redisUrl: `reddis://u:${plant("malformed URL of the gateway")}@127.0.0.1`, token: restToken },
  ].entries()) {
    const child = await runProgram(
      "gateway/main.ts",
      {
        ...{ REDIS_URL: settings.redisUrl, UPSTASH_REDIS_REST_TOKEN: settings.token, PORT: "0" },
      },
      at === 0 ? '"listening"' : undefined,
    );
    write("a wrong gateway", child);
    expect(child).not.toBe("");
  }
  for (const [at, wrong] of [
    { UPSTASH_REDIS_REST_TOKEN: plant("wrong REST token") },
    { UPSTASH_REDIS_REST_URL: `http://u:${plant("password of the REST URL")}@127.0.0.1:1` },
    { SIGNALBOX_SIGNING_SECRET: plant("malformed signing secret of the function") },
    { SIGNALBOX_TOKENS: `[{"name":"${plant("malformed tokens")}"}]` },
  ].entries()) {
    const part = createFunctionPart({
      ...{ directory: join(home, `wrong-${at}`), port: await freePort() },
      variables: { ...variables, ...wrong },
    });
    parts.defer(part.stop);
    const starting = part.start().then(
      () => "it is up",
      (error: unknown) => String(error),
    );
    // With a wrong REST token it goes on trying: it might be the gateway's turn to change.
    const answered = until(async () => (await fetch(`${part.url}/healthz`)).status >= 500, {
      within: 60_000,
      or: "an answer",
    }).catch(() => undefined);
    await Promise.race([starting, answered]);
    write(
      "a wrong function's health",
      await fetch(`${part.url}/healthz`)
        .then((r) => r.text())
        .catch(String),
    );
    await part.stop();
    write("a wrong function", `${part.lines.join("\n")}\n${await starting}`);
  }

  // The command line, with settings that are right and settings that are not.
  const cli = { SIGNALBOX_URL: master.url, SIGNALBOX_TOKEN: token, REDIS_URL: urls.subscriber };
  for (const [args, env] of [
    [["doctor"], { ...cli, SIGNALBOX_SIGNING_SECRET: signing }],
    [["doctor"], { ...cli, REDIS_URL: wrongUrl("wrong password of the doctor") }],
    [["doctor"], { ...cli, SIGNALBOX_SIGNING_SECRET: plant("malformed secret of the doctor") }],
    [["jobs", "list"], cli],
    [["jobs", "list"], { ...cli, SIGNALBOX_TOKEN: plant("wrong token on the command line") }],
    [
      ["keys", "token", "x", "--scopes", "read"],
      { SIGNALBOX_TOKENS: plant("tokens that are no list") },
    ],
    [["keys", "acl"], { REDIS_URL: `reddis://u:${plant("password of keys acl")}@127.0.0.1` }],
  ] as const) {
    const text = await runProgram("cli/main.ts", env, undefined, args);
    write(`signalbox ${args.join(" ")}`, text);
    expect(text).not.toBe("");
  }
  await look();

  for (const each of subscribers) write("a subscriber", JSON.stringify(each.lines) + each.stderr());
  write("the gateway", gateway.lines.join("\n"));
  write("the function", master.lines.join("\n"));
  write("the ACL log", JSON.stringify(await admin.call("ACL", "LOG")));
  // With every write since the start, so also what has expired or was deleted.
  const logs = await admin.config("GET", "dir");
  const redisFiles = await filesBelow(logs[1] ?? "");
  for (const { path, text } of redisFiles) write(path, text);
  const keepers = /\/function\.env$/;
  const files = [
    ...(await filesBelow(home)),
    ...(await filesBelow(join(root, ".wrangler")).catch(() => [])),
  ];
  for (const { path, text } of files) if (!keepers.test(path)) write(path, text);
  for (const { path, mode } of files.filter(({ path }) => keepers.test(path)))
    expect(mode, path).toBe(0o600);

  // What should be found, is.
  const places = written.filter(({ text }) => text.includes(marker)).map(({ place }) => place);
  expect(places).toContain("GET /v1/jobs/ok?wait=20 → 200");
  expect(places).toContain("channel CHANNEL_DISPATCH_1");
  expect(places.some((place) => /\.aof$/.test(place))).toBe(true);
  expect(
    written.some(
      ({ place, text }) => place === "the process list" && text.includes("gateway/main.ts"),
    ),
  ).toBe(true);
  expect(shownIn(restToken)).toEqual(["REST token"]);
  expect(
    files.filter(({ path, text }) => keepers.test(path) && shownIn(text).length > 0).length,
  ).toBeGreaterThan(0);

  const leaks = written.flatMap(({ place, text }) =>
    shownIn(text).map((name) => `${name}: ${place}`),
  );
  expect([...new Set(leaks)]).toEqual([]);
});

/** What a program writes until it ends, or has written `enough`. */
async function runProgram(
  program: string,
  env: Readonly<Record<string, string>>,
  enough?: string,
  args: readonly string[] = [],
): Promise<string> {
  const child = spawn(process.execPath, [join(root, program), ...args], {
    env: { PATH: process.env["PATH"], TMPDIR: process.env["TMPDIR"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const closed = once(child, "close");
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (enough !== undefined && text.includes(enough)) child.kill("SIGTERM");
    });
  await closed;
  return text;
}
