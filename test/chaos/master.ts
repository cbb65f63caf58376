/** The function in workerd and the gateway, as processes that can be killed and restarted. */
import { join } from "node:path";
import { type Child, startChild } from "../../local/child.ts";
import { startFunction } from "../../local/function.ts";
import { createSupervisor, type Supervisor } from "../../local/supervisor.ts";
import { until } from "../support/until.ts";

const root = join(import.meta.dirname, "../..");

/** A part that can be killed and started again at the same address. */
export interface Part {
  readonly url: string;
  /** All its output. */
  readonly lines: readonly string[];
  readonly start: () => Promise<void>;
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** `wrangler dev` on `port`, not yet started. */
export function createFunctionPart(options: {
  readonly directory: string;
  readonly port: number;
  readonly variables: Readonly<Record<string, string>>;
}): Part {
  const lines: string[] = [];
  let supervisor: Supervisor | undefined;
  return {
    url: `http://127.0.0.1:${options.port}`,
    lines,
    start: async () => {
      supervisor = createSupervisor((_, line) => lines.push(line));
      await startFunction(supervisor, { root, ...options });
    },
    kill: async () => {
      supervisor?.kill();
      await supervisor?.stop();
    },
    stop: async () => {
      await supervisor?.stop();
    },
  };
}

/** `npm run gateway` on `port`, not yet started. */
export function createGatewayPart(options: {
  readonly redisUrl: string;
  readonly port: number;
  readonly token: string;
}): Part {
  const lines: string[] = [];
  const url = `http://127.0.0.1:${options.port}`;
  let child: Child | undefined;
  return {
    url,
    lines,
    start: async () => {
      const started = startChild({
        name: "gateway",
        command: process.execPath,
        args: ["gateway/main.ts"],
        cwd: root,
        env: {
          REDIS_URL: options.redisUrl,
          PORT: String(options.port),
          UPSTASH_REDIS_REST_TOKEN: options.token,
        },
      });
      child = started;
      let isListening = false;
      started.onLine((line) => {
        lines.push(line);
        isListening ||= line.includes('"msg":"listening"');
      });
      await until(() => isListening, { within: 30_000, or: () => `the gateway: ${lines.at(-1)}` });
    },
    kill: async () => {
      child?.kill();
      await child?.exited;
    },
    stop: async () => {
      await child?.stop();
    },
  };
}
