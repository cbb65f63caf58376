/** The doctor's checks of this machine, and of the Redis that its subscriber uses. */
import { readNaming } from "../local/redis-users.ts";
import { readRedisUrl, type RedisAddress } from "../protocol/redis/address.ts";
import { explainConnectFailure } from "../protocol/redis/connect-failure.ts";
import { readConfig } from "../subscriber/config/config.ts";
import { createConnection } from "../subscriber/connection/ioredis.ts";
import { judgeRedis, judgeServer } from "../subscriber/connection/redis-check.ts";
import { checkRights } from "./doctor-rights.ts";
import { type Finding, ok, skipped, warning, wrong } from "./finding.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const answerMs = 5_000;
const prefixFix = "correct the prefix: see docs/configuration.md";
const fixes: Readonly<Record<string, string>> = {
  WRONGPASS: "correct user and password in REDIS_URL: redis://user:password@host",
  NOAUTH: "put user and password into REDIS_URL: redis://user:password@host",
};
const doubtfulMs = 30_000;

/** The versions in use. `main.ts` has already refused a Node that is too old. */
export function checkVersions(version: string): Finding {
  return ok("versions", `signalbox ${version}, Node ${process.versions.node}`);
}

/** The settings of a subscriber, if the environment has any. */
export function checkSubscriber(env: Environment): Finding {
  const check = "subscriber";
  if (env["SIGNALBOX_NODES"] === undefined && env["SIGNALBOX_HANDLERS"] === undefined) {
    const fix = "set its variables, such as SIGNALBOX_NODES, to have them checked";
    return skipped(check, "the environment has no settings of a subscriber", fix);
  }
  try {
    const { assignments } = readConfig(env);
    return ok(
      check,
      `${assignments.length} assignments: ${assignments.map(({ node }) => node).join(", ")}`,
    );
  } catch (error) {
    const problem = error instanceof Error ? error.message.replaceAll("\n", "; ") : "";
    return wrong(check, problem, "correct these variables; docs/configuration.md lists them");
  }
}

/** Checks that Redis answers, keeps its data, lets the user do what subscribers do, and has the right time. Never throws. */
export async function checkRedis(env: Environment): Promise<readonly Finding[]> {
  const check = "redis";
  const url = env["REDIS_URL"];
  if (url === undefined || url === "") {
    const fix = "set REDIS_URL to the value that subscribers have";
    return [skipped(check, "REDIS_URL is not set", fix)];
  }
  const reading = readRedisUrl(url);
  if ("problem" in reading) {
    return [wrong(check, `REDIS_URL is not a Redis URL: ${reading.problem}`, "correct REDIS_URL")];
  }
  const { address } = reading;
  const redis = createConnection(url);
  let reason: Error | undefined;
  redis.on("error", (error: Error) => {
    reason ??= error; // says more than the error of the call
  });
  const late = setTimeout(() => {
    redis.disconnect();
  }, answerMs);
  try {
    await redis.connect();
    // ioredis has read INFO by now, unless the user may not: then the check of its rights says so.
    const server = judgeServer(await redis.info().catch(() => ""));
    if (server.refused !== null) return [wrong(check, server.refused, "correct REDIS_URL")];
    const rights = await checkRights(redis, readNaming(env));
    // Without these rights INFO and TIME may be refused too.
    if (rights.state === "wrong") return [rights];
    const info = await redis.info();
    const [seconds = 0] = await redis.time();
    return [...judge(info), rights, judgeClock(seconds * 1_000)];
  } catch (error) {
    return [judgeError(error, reason, address)];
  } finally {
    clearTimeout(late);
    redis.disconnect();
  }
}

/** Shows nothing of `error` that may hold the URL, and the password with it. */
function judgeError(error: unknown, reason: Error | undefined, address: RedisAddress): Finding {
  const check = "redis";
  const said = `${reason?.message ?? ""} ${error instanceof Error ? error.message : ""}`;
  const refused = /\b(WRONGPASS|NOAUTH|SIGNALBOX_[A-Z_]+PREFIX)\b/.exec(said)?.[1];
  if (refused !== undefined)
    return wrong(check, `it refuses: ${refused}`, fixes[refused] ?? prefixFix);
  const failure = explainConnectFailure(reason ?? error, address);
  if (failure.isFinal) return wrong(check, `it refuses: ${failure.reason}`, failure.fix);
  return wrong(check, `it does not answer at ${failure.address}: ${failure.reason}`, failure.fix);
}

function judge(info: string): readonly Finding[] {
  const check = "redis";
  const version = /^redis_version:(\S+)/m.exec(info)?.[1] ?? "unknown";
  const { refused, doubts } = judgeRedis(info);
  const findings = [
    ...judgeServer(info).doubts.map((doubt) =>
      wrong(check, doubt, "correct REDIS_URL, or update the server"),
    ),
    ...doubts.map((doubt) =>
      warning(check, doubt, "change redis.conf, or use CONFIG SET and CONFIG REWRITE"),
    ),
  ];
  if (refused !== null) {
    const fix = "redis-cli config set maxmemory-policy noeviction";
    findings.push(wrong(check, refused, fix));
  }
  return findings.length === 0 ? [ok(check, `version ${version}, keeps its data`)] : findings;
}

function judgeClock(theirsMs: number): Finding {
  const offMs = Math.abs(Date.now() - theirsMs);
  const detail = `${Math.round(offMs / 1_000)} s apart from the clock of this machine`;
  const fix =
    "set both clocks by NTP: Redis decides when jobs are due, so they would run early or late";
  return offMs > doubtfulMs ? warning("redis clock", detail, fix) : ok("redis clock", detail);
}
