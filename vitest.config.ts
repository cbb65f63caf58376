import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { CountReporter } from "./test/support/count-reporter.ts";

export default defineConfig({
  test: {
    reporters: ["default", new CountReporter()],
    retry: 0,
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/{unit,types}/**/*.test.ts"],
          // For a machine that is busy elsewhere: the slowest takes 4 s of processor time.
          testTimeout: 30_000,
        },
      },
      // Too slow for `npm run test:fast`.
      { test: { name: "exhaustive", include: ["test/exhaustive/**/*.test.ts"] } },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "cluster",
          // The same once more on a Cluster, which all files share: one after the other.
          include: ["test/integration/ledger/**/*.test.ts"],
          globalSetup: ["test/cluster/global-setup.ts"],
          testTimeout: 30_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        plugins: [
          cloudflareTest(({ inject }) => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                UPSTASH_REDIS_REST_URL: inject("redisRestUrl"),
                NODE_REST_URL: inject("nodeRestUrl"),
                UPSTASH_REDIS_REST_TOKEN: "gateway-token-0123456789",
                SIGNALBOX_TOKEN: "client-token-0123456789",
                SIGNALBOX_SIGNING_SECRET: "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
              },
            },
          })),
        ],
        test: {
          name: "worker",
          include: ["test/worker/**/*.test.ts"],
          globalSetup: ["test/worker/global-setup.ts"],
          testTimeout: 30_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "chaos",
          include: ["test/chaos/**/*.test.ts"],
          testTimeout: 300_000,
          fileParallelism: false,
          // After all others: its leases are short, and a machine that is busy elsewhere ends them.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "bench",
          include: ["test/bench/**/*.test.ts"],
          testTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
