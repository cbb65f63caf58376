/**
 * Reads the URL of a Redis server, the same way for every program. Strict: what a client would ignore in it, such as a
 * database that is no number, would have the program work at another place than the one that was meant. Pure.
 */
import { omitUndefined } from "../wire/omit-undefined.ts";

/** Where a Redis server is, and as whom to use it. */
export interface RedisAddress {
  /** A TCP address, or the path of a Unix socket. */
  readonly at:
    | { readonly kind: "tcp"; readonly host: string; readonly port: number }
    | { readonly kind: "socket"; readonly path: string };
  readonly isTls: boolean;
  /** Empty: the user `default`. */
  readonly username: string;
  /** Empty: none. */
  readonly password: string;
  readonly db: number;
  /** IP version: 0 takes either. */
  readonly family: 0 | 4 | 6;
}

/** The address, or what is wrong with the URL; the text never quotes a part that may be a secret. */
export type RedisAddressReading = { readonly address: RedisAddress } | { readonly problem: string };

/** What is expected of such a URL, for messages. */
export const redisUrlForm =
  "a URL such as redis://127.0.0.1:6379, rediss://… with TLS, or unix:///path";

/** What a setting with such a URL may hold, as the reference of the settings has it. */
export const redisUrlRange =
  "a `redis://`, `rediss://`, `valkey://`, `valkeys://` or `unix://` URL";

const defaultPort = 6379;
/** Redis counts databases in 32 bits. */
const maxDb = 2_147_483_647;

const schemes: Readonly<Record<string, "tcp" | "tls" | "socket">> = {
  "redis:": "tcp",
  "valkey:": "tcp",
  "rediss:": "tls",
  "valkeys:": "tls",
  "unix:": "socket",
  "redis+unix:": "socket",
  "valkey+unix:": "socket",
};

const noSentinel =
  "expected the address of a Redis server, got one of Sentinel, which is not supported: give a name or a proxy that always " +
  "leads to the present master, or use a Redis Cluster (docs/operations.md#redis-sentinel)";

/** Reads `text`. Never throws. */
export function readRedisUrl(text: string): RedisAddressReading {
  if (/^[^/?#]*sentinel[^/?#:]*:/i.test(text)) return { problem: noSentinel };
  const url = URL.parse(text);
  if (url === null) {
    const hint = "; write special characters of a password as %XX, and one address only";
    return { problem: `expected ${redisUrlForm}${hint}` };
  }
  const kind = schemes[url.protocol];
  if (kind === undefined || !/^[^/?#]*:\/\//.test(text))
    return { problem: `expected ${redisUrlForm}` };
  if (url.hash !== "")
    return { problem: "expected no # in the URL; in a password it is written as %23" };
  try {
    const db = readDb(url, kind);
    const family = readFamily(url);
    return {
      address: {
        at: kind === "socket" ? readPath(url) : readHost(url),
        isTls: kind === "tls",
        username: decode(url.username),
        password: decode(url.password),
        db,
        family,
      },
    };
  } catch (error) {
    if (error instanceof Problem) return { problem: error.message };
    throw error;
  }
}

/** Whether `text` can be read. */
export function isRedisUrl(text: string): boolean {
  return "address" in readRedisUrl(text);
}

/** How to show an address: without user and password. */
export function showRedisAddress({ at, isTls, db }: RedisAddress): string {
  if (at.kind === "socket") return `unix://${at.path}${db === 0 ? "" : `?db=${db}`}`;
  const host = at.host.includes(":") ? `[${at.host}]` : at.host;
  return `${isTls ? "rediss" : "redis"}://${host}:${at.port}${db === 0 ? "" : `/${db}`}`;
}

/** A Redis client's options for an address, as `ioredis` calls them. */
export interface RedisClientOptions {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly family: 0 | 4 | 6;
  readonly tls?: object;
}

/** The options for `address`. */
export function redisClientOptions(address: RedisAddress): RedisClientOptions {
  const { at, isTls, username, password, db, family } = address;
  const hasUser = username !== "";
  return omitUndefined({
    host: at.kind === "tcp" ? at.host : undefined,
    port: at.kind === "tcp" ? at.port : undefined,
    path: at.kind === "socket" ? at.path : undefined,
    username: hasUser ? username : undefined,
    password: hasUser || password !== "" ? password : undefined,
    db,
    family,
    tls: isTls ? {} : undefined,
  });
}

/** Carries what is wrong from where it is found to `readRedisUrl`. */
class Problem extends Error {}

function readHost({ hostname, port }: URL): RedisAddress["at"] {
  if (hostname.includes(",")) throw new Problem("expected one address, got several hosts");
  const host = hostname.replace(/^\[|\]$/g, "");
  return {
    kind: "tcp",
    host: host === "" ? "localhost" : decode(host),
    port: port === "" ? defaultPort : Number(port),
  };
}

function readPath({ hostname, pathname }: URL): RedisAddress["at"] {
  // A URL with a user needs a host.
  if (!["", "localhost"].includes(hostname) || pathname.length < 2) {
    throw new Problem(
      "expected the absolute path of a socket, such as unix:///run/redis/redis.sock?db=0",
    );
  }
  return { kind: "socket", path: decode(pathname) };
}

const knownParameters = ["db", "family"];

function readDb({ pathname, searchParams }: URL, kind: "tcp" | "tls" | "socket"): number {
  const unknown = [...searchParams.keys()].find((name) => !knownParameters.includes(name));
  if (unknown !== undefined) {
    // Its name only: a value may be a secret.
    const name = unknown.slice(0, 40).replaceAll(/[^\w.-]/g, "?");
    throw new Problem(`expected no parameters in the URL but db and family, got ${name}`);
  }
  const given = [...searchParams.getAll("db")];
  if (kind !== "socket" && !["", "/"].includes(pathname)) given.push(pathname.slice(1));
  const numbers = given.map((text) => {
    const db = /^\d{1,10}$/.test(text) ? Number(text) : maxDb + 1;
    if (db <= maxDb) return db;
    throw new Problem(
      "expected the number of a database after the host, such as /3, got something else",
    );
  });
  if (new Set(numbers).size > 1) throw new Problem("expected one database in the URL, got two");
  return numbers[0] ?? 0;
}

function readFamily({ searchParams }: URL): 0 | 4 | 6 {
  const text = searchParams.get("family") ?? "0";
  if (text === "0") return 0;
  if (text === "4") return 4;
  if (text === "6") return 6;
  throw new Problem("expected family to be 0, 4 or 6 in the URL");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Problem("expected % in the URL to begin an escape such as %25");
  }
}
