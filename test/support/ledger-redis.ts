/**
 * The Redis of a ledger test: a server for each test file or, in the project `cluster`, the Cluster that all its files
 * use one after the other.
 */
import { Redis } from "ioredis";
import { inject } from "vitest";
import { masterOf } from "./redis-cluster.ts";
import { startRedisServer } from "./redis-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** URLs of the masters; undefined in projects without a Cluster. */
    readonly clusterUrls: readonly string[] | undefined;
  }
}

/** One Redis server, or the masters of a Cluster. */
export interface LedgerRedis extends AsyncDisposable {
  /** URLs of all servers. */
  readonly urls: readonly string[];
  /** URL of the server that has the keys of `queue`. */
  readonly urlOf: (queue: string) => Promise<string>;
}

/** Starts a server, or empties the Cluster. Resolves once Redis answers, with nothing in it. */
export async function openLedgerRedis(): Promise<LedgerRedis> {
  const urls = inject("clusterUrls");
  if (urls === undefined) {
    const server = await startRedisServer();
    return {
      urls: [server.url],
      urlOf: () => Promise.resolve(server.url),
      [Symbol.asyncDispose]: () => server.stop(),
    };
  }
  await Promise.all(urls.map(empty));
  const masters = urls.map((url) => ({ url }));
  return {
    urls,
    urlOf: async (queue) => (await masterOf(masters, queue)).url,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function empty(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.flushall();
  redis.disconnect();
}
