/** What the function and the gateway add to a round trip, and the size of the bundle. */
import { createUpstash } from "../../functions/redis/upstash.ts";
import { createSignalbox } from "../../functions/signalbox.ts";
import { defaultTiming } from "../../protocol/ledger/binding.ts";
import { createJobLedger, type JobLedger } from "../../protocol/ledger/jobs.ts";
import { defaultNaming, resultChannel } from "../../protocol/redis/keys.ts";
import { decodeResults } from "../../protocol/wire/messages.ts";
import { createConnection } from "../../subscriber/connection/ioredis.ts";
import { createArrivals } from "../arrivals.ts";
import { type Bench, jobsOf, type Setting } from "../bench.ts";
import { measureBundle } from "../bundle.ts";
import { compare, plainJobs } from "../compare.ts";
import { openLedger, timed } from "../direct-ledger.ts";
import { clientToken, gatewayToken, variablesOf, withFunction } from "../edge-stack.ts";
import { descendantsMs } from "../processor-time.ts";
import { startSide } from "../remote-side.ts";
import { atMost, type Row } from "../row.ts";

export const edge: Bench = {
  name: "edge",
  run: async (setting) => [...(await roundTrips(setting)), ...(await bundleRows(setting))],
};

function row(label: string, unit: string, values: Row["values"], limit?: number): Row {
  const targets = limit === undefined ? [] : [atMost(limit)];
  return { bench: "edge", label, unit, persistence: null, values, targets };
}

async function bundleRows({ isShort }: Setting): Promise<readonly Row[]> {
  const { gzippedKiB, loadMs } = await measureBundle(isShort ? 1 : 5);
  return [
    row("bundle, gzipped", "KiB", { signalbox: [gzippedKiB] }, 150),
    row("cold start: loading the bundle in a fresh V8 (Node)", "ms", { signalbox: loadMs }),
  ];
}

function roundTrips(setting: Setting): Promise<readonly Row[]> {
  return withFunction(async ({ redisUrl, gatewayUrl, functionUrl }) => {
    const what = { contender: "signalbox", role: "consumer", slots: 10, jobMs: 0 } as const;
    await using consumer = await startSide({ ...what, url: redisUrl, node: "1" });
    await consumer.ask({ kind: "reset" }, "done");
    using direct = await openLedger(redisUrl);
    const overRest = createJobLedger({
      redis: createUpstash({ url: gatewayUrl, token: gatewayToken, timeoutMs: 5_000 }),
      naming: defaultNaming,
      timing: defaultTiming,
    });
    const { hear, close } = await listen(redisUrl);
    const [tcp, rest, edged, bare] = [
      ...(["over TCP", "over the REST stand-in", "through the function"] as const),
      "`wrangler dev` alone (404)",
    ] as const;
    const post = (body: unknown) => request(functionUrl, body);
    const through = async () => {
      const [job] = plainJobs("default", 1);
      await post({ id: job?.id, name: job?.name, payload: job?.payload });
      await hear(job?.id ?? "");
    };
    const subjects = {
      [tcp]: () => send(direct.ledger, hear),
      [rest]: () => send(overRest, hear),
      [edged]: through,
      // A path that the function does not know: the cost of `wrangler dev` itself.
      [bare]: () => ignore(functionUrl),
    };
    const step = { "call → result known": (subject: () => Promise<void>) => timed(subject) };
    await compare(subjects, jobsOf(setting, 100, 5), step); // warms up
    const compared = await compare(subjects, jobsOf(setting, 400, 5), step);
    setting.say("edge: round trips");
    const cpu = await cpuMsPerRequest(jobsOf(setting, 400, 5), through);
    const alone = await cpuMsAlone(jobsOf(setting, 400, 5), gatewayUrl);
    close();
    const values = compared[0]?.values ?? {};
    const adds = (more: string, less: string) => ({
      signalbox: (values[more] ?? []).map((ms, round) => ms - (values[less]?.[round] ?? 0)),
    });
    return [
      row("call → result known, p50", "ms", values),
      row("the function and the stand-in add to a round trip", "ms", adds(edged, tcp), 3),
      row("of that `wrangler dev` with the function", "ms", adds(edged, rest)),
      row("CPU of the function for a request, alone in Node", "ms", { signalbox: [alone] }, 2),
      ...(cpu === null
        ? []
        : [row("CPU of workerd for a request, its proxy included", "ms", { signalbox: [cpu] })]),
    ];
  });
}

async function listen(url: string) {
  const subscription = createConnection(url);
  await subscription.connect();
  const arrivals = createArrivals();
  subscription.on("message", (_, text) => {
    const message = decodeResults(text);
    if (message.kind === "results") for (const { id } of message.results) arrivals.arrived(id);
  });
  await subscription.subscribe(resultChannel(defaultNaming));
  const close = () => {
    subscription.disconnect();
  };
  return { hear: (id: string) => arrivals.of(id), close };
}

async function send(ledger: JobLedger, hear: (id: string) => Promise<void>): Promise<void> {
  const jobs = plainJobs("default", 1);
  await ledger.dispatch(jobs);
  await hear(jobs[0]?.id ?? "");
}

async function request(url: string, body: unknown): Promise<void> {
  const response = await fetch(`${url}/v1/jobs`, {
    method: "POST",
    headers: { authorization: `Bearer ${clientToken}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (response.status !== 202) throw new Error(`HTTP ${response.status}: ${text.slice(0, 300)}`);
}

async function ignore(url: string): Promise<void> {
  const response = await fetch(`${url}/nothing-here`);
  await response.text();
}

/** The function without a server: CPU time of this process, including its Redis client. */
async function cpuMsAlone(count: number, gatewayUrl: string): Promise<number> {
  const { fetch } = createSignalbox({});
  const variables = variablesOf(gatewayUrl);
  const ask = async () => {
    const [job] = plainJobs("default", 1);
    const body = JSON.stringify({ id: job?.id, name: job?.name, payload: job?.payload });
    const headers = { authorization: `Bearer ${clientToken}` };
    const request = new Request("http://function/v1/jobs", { method: "POST", headers, body });
    const response = await fetch(request, variables);
    if (response.status !== 202) throw new Error(`HTTP ${response.status}`);
    await response.text();
  };
  for (let at = 0; at < count; at++) await ask(); // warms up
  const before = process.cpuUsage();
  for (let at = 0; at < count; at++) await ask();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / count;
}

async function cpuMsPerRequest(count: number, ask: () => Promise<void>): Promise<number | null> {
  const before = await descendantsMs("workerd");
  for (let at = 0; at < count; at++) await ask();
  const after = await descendantsMs("workerd");
  return before === null || after === null ? null : (after - before) / count;
}
