/** A Redis Cluster for a bench: three masters, each with a third of the slots. */
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, LOOPBACK } from "../local/ports.ts";
import { type BenchRedis, startBenchRedis } from "./redis-server.ts";

const size = 3;
const slots = 16_384;
const formMs = 30_000;

/** A running Cluster. */
export interface BenchCluster extends AsyncDisposable {
  readonly url: string;
  /** Resolves to `count` queue names for each master. */
  readonly queuesOf: (count: number) => Promise<readonly (readonly string[])[]>;
}

/** Starts a Cluster; resolves when all masters know all slots. */
export async function startBenchCluster(): Promise<BenchCluster> {
  await using stack = new AsyncDisposableStack();
  const masters: { readonly server: BenchRedis; readonly at: readonly string[] }[] = [];
  while (masters.length < size) {
    const bus = String(await freePort());
    const args = ["--cluster-enabled", "yes", "--cluster-port", bus];
    const server = stack.use(await startBenchRedis("none", args));
    masters.push({ server, at: [LOOPBACK, new URL(server.url).port, bus] });
  }
  const first = (at: number) => Math.ceil((slots * at) / size);
  for (const [at, { server }] of masters.entries()) {
    const range = [String(first(at)), String(first(at + 1) - 1)];
    await server.redis.call("CLUSTER", "SET-CONFIG-EPOCH", String(at + 1));
    await server.redis.call("CLUSTER", "ADDSLOTSRANGE", ...range);
    for (const peer of masters.slice(0, at)) {
      await server.redis.call("CLUSTER", "MEET", ...peer.at);
    }
  }
  const knowsAll = async ({ server }: { readonly server: BenchRedis }) => {
    const info = String(await server.redis.call("CLUSTER", "INFO"));
    return info.includes("cluster_state:ok") && info.includes(`cluster_size:${size}\r`);
  };
  const deadline = performance.now() + formMs;
  while (!(await Promise.all(masters.map(knowsAll))).every(Boolean)) {
    if (performance.now() > deadline) throw new Error("the masters do not know of each other");
    await sleep(20);
  }
  const running = stack.move();
  const server = masters[0]?.server;
  if (server === undefined) throw new Error("expected a master");
  return {
    url: server.url,
    queuesOf: async (count) => {
      const found = masters.map((): string[] => []);
      for (let n = 0; found.some(({ length }) => length < count); n++) {
        const slot = Number(await server.redis.call("CLUSTER", "KEYSLOT", `{queue-${n}}`));
        const names = found[Math.floor((slot * size) / slots)];
        if (names !== undefined && names.length < count) names.push(`queue-${n}`);
      }
      return found;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
