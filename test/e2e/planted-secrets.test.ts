/**
 * Plants secrets in every setting of real parts (redis-server, gateway, workerd, subscriber processes, command line),
 * runs them through success, failure, refusal, an outage of Redis and invalid settings, and searches everything that
 * they wrote for the secrets.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort } from "../../local/ports.ts";
import { createFunctionPart } from "../chaos/master.ts";
import { createPlanted, filesBelow, type Planted } from "../support/planted.ts";
import { type PlantedStack, startPlantedStack } from "../support/planted-stack.ts";
import { until } from "../support/until.ts";

const root = join(import.meta.dirname, "../..");
/** Not secret: shows that the search finds what is there. */
const marker = "marker-0123456789";
/** The file with the function's secrets, which only its owner may read. */
const keeper = /\/function\.env$/;

test("no secret is in logs, answers, Redis, files or the process list", async () => {
  const planted = createPlanted();
  await using stack = await startPlantedStack(planted);
  const { written, write, launch } = stack;

  const first = await launch({ SIGNALBOX_NODES: "1" });
  expect((await run(stack, "ok", "echo")).text).toContain(`"state":"succeeded"`);
  expect((await run(stack, "bad", "nobody")).text).toContain(`"state":"failed"`);
  await stack.look();
  await refuse(stack, planted);
  await stack.server.crash();
  expect((await stack.ask("POST", "/v1/jobs", { name: "echo" })).status).toBe(503);
  expect((await stack.ask("GET", "/healthz")).status).toBe(503);
  await stack.server.restart();
  await until(async () => (await stack.ask("GET", "/healthz")).status === 200, {
    within: 20_000,
    or: "a healthy function",
  });
  await first.says("listening", { count: 2 });
  expect((await run(stack, "again", "echo")).text).toContain(`"state":"succeeded"`);
  await misconfigureSubscribers(stack, planted);
  await misconfigureGateways(stack, planted);
  await misconfigureFunctions(stack, planted);
  await useCommandLine(stack, planted);
  await stack.look();

  const made = [
    ...(await stack.collectFiles()),
    ...(await filesBelow(join(root, ".wrangler")).catch(() => [])),
  ];
  for (const { path, text } of made) if (!keeper.test(path)) write(path, text);
  const kept = made.filter(({ path }) => keeper.test(path));
  expect(kept.map(({ mode }) => mode)).toEqual(kept.map(() => 0o600));

  // The search finds what is there.
  const places = written.filter(({ text }) => text.includes(marker)).map(({ place }) => place);
  expect(places).toContain("GET /v1/jobs/ok?wait=20 → 200");
  expect(places).toContain("channel CHANNEL_DISPATCH_1");
  expect(places).toContainEqual(expect.stringMatching(/\.aof$/));
  const listed = written.filter(({ place }) => place === "the process list");
  expect(listed.map(({ text }) => text)).toContainEqual(expect.stringContaining("gateway/main.ts"));
  expect(kept.flatMap(({ text }) => planted.shownIn(text))).toContain("REST token");

  const leaks = written.flatMap(({ place, text }) =>
    planted.shownIn(text).map((name) => `${name}: ${place}`),
  );
  expect([...new Set(leaks)]).toEqual([]);
});

async function run({ ask }: PlantedStack, id: string, name: string) {
  const job = { id, name, payload: { marker }, attempts: 1 };
  expect((await ask("POST", "/v1/jobs", job)).status).toBe(202);
  return ask("GET", `/v1/jobs/${id}?wait=20`);
}

/** Sends unknown and insufficient tokens, and callbacks and jobs without a valid signature. */
async function refuse(stack: PlantedStack, { plant, plantKey }: Planted): Promise<void> {
  const { ask, admin, limitedToken } = stack;
  const unknown = plant("unknown token");
  expect((await ask("GET", "/v1/jobs", undefined, unknown)).status).toBe(401);
  expect((await ask("GET", "/v1/jobs", undefined, limitedToken)).status).toBe(200);
  expect((await ask("POST", "/v1/jobs", { name: "echo" }, limitedToken)).status).toBe(403);
  expect((await ask("POST", "/v1/results", { deliveries: [] })).status).toBe(401);
  await admin.publish("CHANNEL_DISPATCH_1", "42");
  await admin.publish("CHANNEL_DISPATCH_1", '{"no":"envelope"}');
  await until(async () => (await admin.xlen("signalbox:dead-letters")) === 2, {
    or: "two dead letters",
  });
  const other = await stack.launch({
    SIGNALBOX_NODES: "2@elsewhere",
    SIGNALBOX_SIGNING_SECRET: plantKey("another signing secret"),
    SIGNALBOX_ENVELOPE_SECRET: plantKey("another envelope secret"),
  });
  await ask("POST", "/v1/jobs", { id: "refused", name: "echo", queue: "elsewhere" });
  await other.says("job refused: its signature is not right; kept in the dead letters");
  await other.says("results not recorded yet; they stay in the outbox");
  other.kill("SIGTERM");
}

function wrongUrl({ server }: PlantedStack, secret: string): string {
  return server.url.replace("//", `//my-function:${secret}@`);
}

async function misconfigureSubscribers(stack: PlantedStack, { plant }: Planted): Promise<void> {
  const barred = await stack.launch(
    { SIGNALBOX_NODES: "barred", REDIS_URL: wrongUrl(stack, plant("wrong Redis password")) },
    true,
  );
  await until(() => barred.lines.some(({ reason }) => reason?.includes("WRONGPASS") === true), {
    or: () => `a word of WRONGPASS; said ${JSON.stringify(barred.lines)} ${barred.stderr()}`,
  });
  barred.kill("SIGTERM");
  const callback = stack.master.url.replace("//", `//u:${plant("callback password")}@`);
  for (const env of [
    { REDIS_URL: `reddis://u:${plant("password in a malformed REDIS_URL")}@127.0.0.1` },
    { SIGNALBOX_SIGNING_SECRET: plant("malformed signing secret") },
    { SIGNALBOX_ENVELOPE_SECRET: plant("malformed envelope secret") },
    { SIGNALBOX_CALLBACK_URL: `${callback}/v1/results` },
    { SIGNALBOX_SLOTS: plant("a secret where slots belong") },
  ]) {
    const wrong = await stack.launch({ SIGNALBOX_NODES: "wrong", ...env }, true);
    expect(await wrong.exited, wrong.stderr()).toBe(2);
  }
}

async function misconfigureGateways(stack: PlantedStack, { plant }: Planted): Promise<void> {
  const malformed = `reddis://u:${plant("malformed URL of the gateway")}@127.0.0.1`;
  for (const [redisUrl, token, enough] of [
    [wrongUrl(stack, plant("the gateway's wrong password")), stack.restToken, "WRONGPASS"],
    [stack.urls.function, `${plant("malformed REST token")} with spaces`, "UPSTASH"],
    [malformed, stack.restToken, "REDIS_URL"],
  ] as const) {
    const env = { REDIS_URL: redisUrl, UPSTASH_REDIS_REST_TOKEN: token, PORT: "0" };
    const text = await outputOf("gateway/main.ts", { env, enough });
    stack.write("a wrong gateway", text);
    expect(text).toContain(enough);
  }
}

async function misconfigureFunctions(stack: PlantedStack, { plant }: Planted): Promise<void> {
  for (const [at, wrong] of [
    { UPSTASH_REDIS_REST_TOKEN: plant("wrong REST token") },
    { UPSTASH_REDIS_REST_URL: `http://u:${plant("password of the REST URL")}@127.0.0.1:1` },
    { SIGNALBOX_SIGNING_SECRET: plant("malformed signing secret of the function") },
    { SIGNALBOX_TOKENS: `[{"name":"${plant("malformed tokens")}"}]` },
  ].entries()) {
    await using part = new AsyncDisposableStack();
    const made = createFunctionPart({
      directory: join(stack.home, `wrong-${at}`),
      port: await freePort(),
      variables: { ...stack.variables, ...wrong },
    });
    part.defer(made.stop);
    // With some of these it can never work; with others it keeps trying.
    const ended = made.start().then(String, String);
    let health = "";
    const hasAnswered = async () => {
      const response = await fetch(`${made.url}/healthz`).catch(() => null);
      health = (await response?.text()) ?? "";
      return response !== null && response.status >= 500;
    };
    await Promise.race([until(hasAnswered, { within: 60_000, or: "an answer of 500" }), ended]);
    stack.write("a wrong function's health", health);
    await made.stop();
    stack.write("a wrong function", `${made.lines.join("\n")}\n${await ended}`);
  }
}

async function useCommandLine(stack: PlantedStack, { plant }: Planted): Promise<void> {
  const { urls, token, variables } = stack;
  const right = { SIGNALBOX_URL: stack.master.url, SIGNALBOX_TOKEN: token };
  const { SIGNALBOX_SIGNING_SECRET: signing } = variables;
  const doctor = { ...right, REDIS_URL: urls.subscriber, SIGNALBOX_SIGNING_SECRET: signing };
  const malformed = `reddis://u:${plant("password of keys acl")}@127.0.0.1`;
  for (const [args, env] of [
    ["doctor", doctor],
    ["doctor", { ...doctor, REDIS_URL: wrongUrl(stack, plant("the doctor's wrong password")) }],
    ["doctor", { ...doctor, SIGNALBOX_SIGNING_SECRET: plant("the doctor's malformed secret") }],
    ["jobs list", right],
    ["jobs list", { ...right, SIGNALBOX_TOKEN: plant("wrong token on the command line") }],
    ["keys token x --scopes read", { SIGNALBOX_TOKENS: plant("tokens that are no list") }],
    ["keys acl", { REDIS_URL: malformed }],
  ] as const) {
    const text = await outputOf("cli/main.ts", { args: args.split(" "), env });
    stack.write(`signalbox ${args}`, text);
    expect(text).not.toBe("");
  }
}

interface ProgramOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** The program is stopped once it has written this. */
  readonly enough?: string;
}

/** Resolves to the output of a program. */
async function outputOf(program: string, { env, args = [], enough }: ProgramOptions) {
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
