/** A real Redis Cluster of three masters on free loopback ports, gone when it is stopped. */
import { Redis } from "ioredis";
import { freePort, LOOPBACK } from "../../local/ports.ts";
import { type RedisServer, startRedisServer } from "./redis-server.ts";
import { until } from "./until.ts";

/** A Cluster, all of whose slots are served. */
export interface RedisCluster extends AsyncDisposable {
  /** Each with a third of the slots, in their order. */
  readonly masters: readonly RedisServer[];
  /** Stops all. May be called twice. */
  readonly stop: () => Promise<void>;
}

interface Master {
  readonly server: RedisServer;
  /** Where it talks to its peers. */
  readonly busPort: number;
}

const MASTERS = 3;
const SLOTS = 16_384;
/** The first slot of each master, and the end of the last one. */
const FIRST_SLOTS = Array.from({ length: MASTERS + 1 }, (_, at) =>
  Math.ceil((SLOTS * at) / MASTERS),
);
const FORM_LIMIT_MS = 30_000;

/** Resolves once all masters know of all slots. */
export async function startRedisCluster(): Promise<RedisCluster> {
  await using stack = new AsyncDisposableStack();
  const masters: Master[] = [];
  while (masters.length < MASTERS) {
    const master = await startMaster();
    stack.use(master.server);
    masters.push(master);
  }
  await form(masters);
  const running = stack.move();
  const stop = () => running.disposeAsync();
  return {
    masters: masters.map(({ server }) => server),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Picks the bus port too: by default it is 10,000 above the port, where it may be taken. */
async function startMaster(): Promise<Master> {
  const busPort = await freePort();
  const args = [
    "--cluster-enabled",
    "yes",
    "--cluster-port",
    String(busPort),
    // Long enough that a busy machine does not count as a dead master.
    "--cluster-node-timeout",
    "15000",
  ];
  return { server: await startRedisServer({ args }), busPort };
}

async function form(masters: readonly Master[]): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const clients = masters.map(({ server }) =>
    stack.adopt(new Redis(server.url), (client) => {
      client.disconnect();
    }),
  );
  for (const [at, client] of clients.entries()) {
    const [from = 0, end = 0] = FIRST_SLOTS.slice(at);
    // Distinct epochs: otherwise the masters take a while to agree on them.
    await client.call("CLUSTER", "SET-CONFIG-EPOCH", String(at + 1));
    await client.call("CLUSTER", "ADDSLOTSRANGE", String(from), String(end - 1));
    for (const { server, busPort } of masters.slice(0, at)) {
      await client.call("CLUSTER", "MEET", LOOPBACK, String(server.port), String(busPort));
    }
  }
  const knowsAll = async (client: Redis) => {
    const info = String(await client.call("CLUSTER", "INFO"));
    return info.includes("cluster_state:ok") && info.includes(`cluster_size:${MASTERS}\r`);
  };
  await until(async () => (await Promise.all(clients.map(knowsAll))).every(Boolean), {
    within: FORM_LIMIT_MS,
    or: "the masters to know of each other",
  });
}

/** The one of the Cluster's masters, in their order, that has the keys of `queue`. */
export async function masterOf<Master extends { readonly url: string }>(
  masters: readonly Master[],
  queue: string,
): Promise<Master> {
  const client = new Redis(masters[0]?.url ?? "");
  try {
    const slot = Number(await client.call("CLUSTER", "KEYSLOT", `{${queue}}`));
    const master = masters[FIRST_SLOTS.findLastIndex((first) => first <= slot)];
    if (master === undefined) throw new Error(`no master has slot ${slot}`);
    return master;
  } finally {
    client.disconnect();
  }
}

/** Moves the slot of `queue` with all its keys to the master with index `to`. */
export async function moveQueue(
  masters: readonly RedisServer[],
  queue: string,
  to: number,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const connect = ({ url }: { readonly url: string }) =>
    stack.adopt(new Redis(url), (client) => {
      client.disconnect();
    });
  const source = connect(await masterOf(masters, queue));
  const target = masters[to];
  if (target === undefined) throw new Error(`there is no master ${to}`);
  const slot = String(await source.call("CLUSTER", "KEYSLOT", `{${queue}}`));
  const [from, id] = await Promise.all(
    [source, connect(target)].map(async (client) => String(await client.call("CLUSTER", "MYID"))),
  );
  await connect(target).call("CLUSTER", "SETSLOT", slot, "IMPORTING", from ?? "");
  await source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", id ?? "");
  const keys = (await source.call("CLUSTER", "GETKEYSINSLOT", slot, "1000")) as string[];
  const where = [LOOPBACK, String(target.port), "", "0", "5000"];
  await source.call("MIGRATE", ...where, "KEYS", ...keys);
  for (const client of [connect(target), source, ...masters.map(connect)]) {
    await client.call("CLUSTER", "SETSLOT", slot, "NODE", id ?? "");
  }
}
