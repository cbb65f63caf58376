/** The HTTP API as typed calls. Needs `fetch` and nothing else: runs on Node, on Workers and in browsers. */
import type { NodeView } from "../protocol/api/nodes.ts";
import type { Catalog } from "../protocol/wire/catalog.ts";
import type { Client, NodeCalls } from "./calls.ts";
import { createFailed } from "./failed.ts";
import { createJobs, pathOf } from "./jobs.ts";
import type { AnyJob } from "./order.ts";
import { listOf } from "./reply.ts";
import { type ClientOptions, createRequest, type Request } from "./request.ts";
import { createSchedules } from "./schedules.ts";
import { createWaits } from "./wait.ts";
import { watchJob } from "./watch.ts";

/**
 * A client of the function at `url`. With the catalogue as type argument names, payloads and results are checked by the
 * compiler.
 * @throws TypeError for a URL or token that cannot be one
 * @example
 * const client = createClient<typeof catalog>({ url: "https://signalbox.example.workers.dev", token });
 * const greeting = await client.run({ name: "greet", payload: "Ada" });
 */
export function createClient<C extends Catalog = Catalog>(options: ClientOptions): Client<C> {
  const { request, open } = createRequest(options);
  const jobs = createJobs<C>(request);
  return {
    ...jobs,
    ...createWaits<C>(request, jobs.dispatch),
    watch: (id, call = {}) => watchJob<AnyJob<C>>(open, pathOf(id, "/events"), call),
    nodes: createNodes(request),
    failed: createFailed(request),
    schedules: createSchedules<C>(request),
  };
}

function createNodes(request: Request): NodeCalls {
  return {
    async list(call = {}) {
      const target = { method: "GET", path: "/v1/nodes", isRepeatSafe: true } as const;
      const { body } = await request({ ...call, ...target });
      return listOf(body, "nodes") as readonly NodeView[];
    },
  };
}
