/** Starts the Cluster on which the project `cluster` repeats the tests of the ledger. */
import type { TestProject } from "vitest/node";
import { startRedisCluster } from "../support/redis-cluster.ts";

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cluster = await startRedisCluster();
  project.provide(
    "clusterUrls",
    cluster.masters.map(({ url }) => url),
  );
  return cluster.stop;
}
