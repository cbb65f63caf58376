/** Measures the function as it would be deployed: its size, and how long a fresh process takes to load it. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";

const execute = promisify(execFile);
const root = join(import.meta.dirname, "..");

/** See `measureBundle`. */
export interface Bundle {
  readonly gzippedKiB: number;
  /** Time to read, compile and evaluate it, one value for each of `loads` fresh processes. */
  readonly loadMs: readonly number[];
}

/** Bundles the function without deploying it, and loads it `loads` times. */
export async function measureBundle(loads: number): Promise<Bundle> {
  const directory = await mkdtemp(join(tmpdir(), "signalbox-bundle-"));
  try {
    const require = createRequire(import.meta.url);
    const wrangler = join(dirname(require.resolve("wrangler/package.json")), "bin", "wrangler.js");
    const env = { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" };
    const args = [wrangler, "deploy", "--dry-run", "--outdir", directory];
    await execute(process.execPath, args, { cwd: root, env: { ...env, NODE_OPTIONS: "" } });
    const file = join(directory, "worker.js");
    const loadMs: number[] = [];
    for (let load = 0; load < loads; load++) loadMs.push(await timeToLoad(file));
    return { gzippedKiB: gzipSync(await readFile(file)).length / 1_024, loadMs };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function timeToLoad(file: string): Promise<number> {
  const code =
    `const at = performance.now(); await import(${JSON.stringify(file)});` +
    ` process.stdout.write(String(performance.now() - at)); process.exit();`;
  const args = ["--input-type=module", "--eval", code];
  const { stdout } = await execute(process.execPath, args, { env: { NODE_OPTIONS: "" } });
  return Number(stdout);
}
