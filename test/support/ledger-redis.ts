/**
 * Where ledger tests run: on a server of their file's own or, in the project `cluster`, on the Cluster that all
 * its files share, one after the other.
 */
import { Redis } from "ioredis";
import { inject } from "vitest";
import { masterOf } from "./redis-cluster.ts";
import { startRedisServer } from "./redis-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Of the masters. Nothing is provided where there is no Cluster. */
    readonly clusterUrls: readonly string[] | undefined;
  }
}

export interface LedgerRedis extends AsyncDisposable {
  /** Of every server there is. */
  readonly urls: readonly string[];
  /** Of the server that has the keys of `queue`. */
  readonly urlOf: (queue: string) => Promise<string>;
}

/** Resolves once it answers, with nothing in it. */
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
