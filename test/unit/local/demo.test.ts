/** The demonstration against a simulated function. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "vitest";
import {
  type ApiClient,
  createApiClient,
  type JobView,
  type NewJob,
} from "../../../local/api-client.ts";
import { runDemo } from "../../../local/demo.ts";
import { quantile } from "../../../local/demo-report.ts";
import { jobStates } from "../../../protocol/wire/job.ts";

interface Behaviour {
  readonly nodes?: readonly string[];
  readonly refuse?: (job: NewJob) => boolean;
  /** What the nth read of a job, from 0, returns instead of a recorded success. */
  readonly view?: (job: NewJob, read: number) => Partial<JobView>;
}

function fakeApi(behaviour: Behaviour) {
  const jobs: NewJob[] = [];
  const reads = new Map<string, number>();
  let underWay = 0;
  const seen = { mostAtOnce: 0 };
  const api: ApiClient = {
    nodes: () => Promise.resolve(behaviour.nodes ?? ["1", "2", "3"]),
    dispatch: async (job) => {
      underWay += 1;
      seen.mostAtOnce = Math.max(seen.mostAtOnce, underWay);
      await Promise.resolve();
      underWay -= 1;
      if (behaviour.refuse?.(job) === true) throw new Error("/v1/jobs answered 500: no");
      jobs.push(job);
      return { id: String(jobs.length - 1), state: "running", delivered: true };
    },
    job: (id) => {
      const job = jobs[Number(id)];
      if (job === undefined) throw new Error("No such job.");
      const read = reads.get(id) ?? 0;
      reads.set(id, read + 1);
      return Promise.resolve<JobView>({
        id,
        state: "succeeded",
        node: job.node ?? "1",
        recorded: true,
        result: null,
        ...behaviour.view?.(job, read),
      });
    },
  };
  return { api, jobs, seen };
}

async function demo(behaviour: Behaviour = {}, options: { readonly withinMs?: number } = {}) {
  const { api, jobs, seen } = fakeApi(behaviour);
  const lines: string[] = [];
  const result = await runDemo({
    api,
    pageUrls: ["http://127.0.0.1:1/box.html"],
    print: (line) => lines.push(line),
    signal: new AbortController().signal,
    ...options,
  });
  return { result, jobs, seen, lines, text: lines.join("\n") };
}

describe("the demonstration", () => {
  it("dispatches 1 to 99 to nodes at random, and the real jobs", async ({ expect }) => {
    const { result, jobs, seen, text } = await demo();
    const echoes = jobs.filter((job) => job.name === "echo");
    expect(echoes.map((job) => job.payload)).toEqual(Array.from({ length: 99 }, (_, n) => n + 1));
    expect(new Set(echoes.map((job) => job.node))).toEqual(new Set(["1", "2", "3"]));
    expect(jobs.filter((job) => job.name === "host.metrics").map((job) => job.node)).toEqual([
      "1",
      "2",
      "3",
    ]);
    expect(jobs.at(-1)).toEqual({
      name: "page.fetch",
      payload: { url: "http://127.0.0.1:1/box.html" },
    });
    expect(result).toMatchObject({ isComplete: true, dispatched: 103, recorded: 103, failed: 0 });
    expect(seen.mostAtOnce).toBe(10);
    expect(text).toContain("dispatched 103 of 103, recorded 103, failed 0");
    expect(text).toMatch(/node 1: \d+, node 2: \d+, node 3: \d+/);
    expect(text).toMatch(/p50 \d+ ms, p99 \d+ ms/);
  });

  it("shows every result once", async ({ expect }) => {
    const { lines } = await demo();
    const shown = lines
      .filter((line) => /^ *\d+\/99 /.test(line))
      .flatMap((line) => line.trim().split(/ +/).slice(1))
      .map((entry) => Number(entry.split("@")[0]));
    expect(shown.sort((a, b) => a - b)).toEqual(Array.from({ length: 99 }, (_, n) => n + 1));
  });

  it("reads again until the callback has recorded the result", async ({ expect }) => {
    const { result } = await demo({
      view: (job, read) => ({ recorded: job.payload !== 7 || read > 1 }),
    });
    expect(result.isComplete).toBe(true);
  });

  it("gives up on what is not recorded in time, and says which", async ({ expect }) => {
    const { result, text } = await demo(
      { view: (job) => ({ recorded: job.payload !== 7 }) },
      { withinMs: 200 },
    );
    expect(result).toMatchObject({ isComplete: false, recorded: 102 });
    expect(text).toContain("7 not recorded");
  });

  it("is not complete when a job failed", async ({ expect }) => {
    const { result, text } = await demo({
      view: (job) =>
        job.name === "page.fetch" ? { state: "failed", error: { code: "fetch_failed" } } : {},
    });
    expect(result).toMatchObject({ isComplete: false, recorded: 103, failed: 1 });
    expect(text).toMatch(/page\.fetch \/box\.html .*failed.*\{"code":"fetch_failed"\}/);
  });

  it("is not complete when a dispatch was refused, and says why", async ({ expect }) => {
    const { result, text } = await demo({ refuse: (job) => job.payload === 7 });
    expect(result).toMatchObject({ isComplete: false, dispatched: 102, recorded: 102 });
    expect(text).toContain("7 refused");
    expect(text).toContain("Refused: /v1/jobs answered 500: no");
  });

  it("does not begin without a node", async ({ expect }) => {
    await expect(demo({ nodes: [] })).rejects.toThrow("No node is listening.");
  });

  it("stops immediately when it is told to", async ({ expect }) => {
    const controller = new AbortController();
    const { api } = fakeApi({
      view: () => {
        controller.abort(new Error("ending"));
        return { recorded: false };
      },
    });
    const outcome = runDemo({
      api,
      pageUrls: [],
      print: () => undefined,
      signal: controller.signal,
    });
    await expect(outcome).rejects.toThrow();
  });
});

describe("quantile", () => {
  it.for([
    [[], 0.5, "-"],
    [[5], 0.99, "5"],
    [[4, 1, 3, 2], 0.5, "2"],
    [Array.from({ length: 100 }, (_, n) => n + 1), 0.99, "99"],
    [[1.6, 0], 1, "2"],
  ] as const)("of %j at %d is %s", ([values, share, expected], { expect }) => {
    expect(quantile(values, share)).toBe(expected);
  });
});

describe("the API client", () => {
  it.for(jobStates)("reads a job that is %s", async (state, { expect }) => {
    const server = createServer((_request, response) => {
      response.end(JSON.stringify({ id: "1", state, node: null, recorded: false }));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const api = createApiClient(`http://127.0.0.1:${port}`, "token", new AbortController().signal);
    await expect(api.job("1", 0)).resolves.toMatchObject({ state });
    server.closeAllConnections();
    server.close();
  });
});
