/** The subscriber, as a child process. */
import { programPath } from "./program.ts";
import type { Supervisor } from "./supervisor.ts";
import { untilListening } from "./until-listening.ts";

export interface SubscriberOptions {
  readonly redisUrl: string;
  readonly functionUrl: string;
  readonly signingSecret: string;
  /** `host:port` pairs that `page.fetch` may fetch from, separated by commas. */
  readonly fetchHosts: string;
  /** May override the settings below. */
  readonly env: NodeJS.ProcessEnv;
}

export async function startSubscriber(
  supervisor: Supervisor,
  options: SubscriberOptions,
): Promise<void> {
  const { env } = options;
  await supervisor.start({
    name: "subscriber",
    command: process.execPath,
    args: [programPath("subscriber/main")],
    cwd: process.cwd(),
    env: {
      REDIS_URL: options.redisUrl,
      SIGNALBOX_NODES: env["SIGNALBOX_NODES"] ?? "1,2,3",
      SIGNALBOX_HANDLERS: env["SIGNALBOX_HANDLERS"] ?? programPath("examples/handlers"),
      SIGNALBOX_CALLBACK_URL: `${options.functionUrl}/v1/results`,
      SIGNALBOX_SIGNING_SECRET: options.signingSecret,
      SIGNALBOX_FETCH_HOSTS: options.fetchHosts,
    },
    // The first signal lets jobs finish and delivers their results, the second gives the rest back.
    stopSteps: [
      { signal: "SIGTERM", waitMs: 10_000 },
      { signal: "SIGTERM", waitMs: 5_000 },
    ],
    readyWithinMs: 15_000,
    ready: async (child, signal) => {
      await untilListening(child, signal);
    },
  });
}
