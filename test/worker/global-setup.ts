/**
 * Redis and the gateway for tests that run inside workerd and cannot start anything. They run in a
 * process of their own: this file is loaded by the project's Vite, under conditions meant for
 * Workers, under which `ioredis` cannot be imported.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Of the function's user. */
    readonly redisRestUrl: string;
    /** Of the subscribers' user, for tests that act as a node. */
    readonly nodeRestUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const script = fileURLToPath(new URL("stand-in.ts", import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), "line"),
    once(child, "exit").then(([code]) => {
      throw new Error(`expected the stand-in to start, it exited with ${String(code)}`);
    }),
  ])) as [string];
  const [url = "", nodeUrl = ""] = line.split(" ");
  project.provide("redisRestUrl", url);
  project.provide("nodeRestUrl", nodeUrl);
  return async () => {
    const gone = once(child, "exit");
    child.stdin.end();
    await gone;
  };
}
