/**
 * README.md and docs/getting-started.md as a user of the package follows them: every block of code is written or run, in an
 * empty folder beside a tarball, and the types are checked with the configuration that `tsc --init` writes.
 *
 * - `ts` blocks begin with `// <name>.ts` and are written to that file; some command of the page must use it.
 * - `sh` blocks run in bash, in order. A line that begins with `# ` is expected in what the block writes; `…` stands for anything.
 *   `export` lines hold for the blocks after them, as in a shell.
 * - `sh stays-up="<text>"` is started before all others that need it, and runs until the end; `<text>` says that it is up.
 * - `sh not-run-here="<reason>"` is not run; the test counts these.
 * - `text` is a picture. Any other block fails the test.
 *
 * Two things differ from what the page says: the port, which may be taken, and that npm asks its cache first.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, it } from "vitest";
import { freePort } from "../../local/ports.ts";
import { type CodeBlock, codeBlocks, projectRoot } from "../support/documents.ts";
import {
  filesShownIn,
  type PackedPackage,
  packPackage,
  run,
  userEnvironment,
} from "../support/package-project.ts";

/** How many blocks of each page are known not to run here. */
const notRun = { "README.md": 1, "docs/getting-started.md": 1 } as const;
type Page = keyof typeof notRun;

let packed: PackedPackage;
let running: ChildProcess | undefined;

beforeAll(async () => {
  packed = await packPackage();
});

afterEach(async () => {
  if (running?.exitCode === null && running.pid !== undefined) {
    const exited = once(running, "exit");
    process.kill(-running.pid, "SIGTERM");
    await exited;
  }
  running = undefined;
});

afterAll(() => packed[Symbol.asyncDispose]());

async function blocksOf(page: Page): Promise<readonly CodeBlock[]> {
  return codeBlocks({ file: page, text: await readFile(join(projectRoot, page), "utf8") });
}

const isRun = ({ language, marks }: CodeBlock) => language === "sh" && !marks.has("not-run-here");
const isSetUp = ({ code }: CodeBlock) => code.startsWith("npm ");
const placeOf = ({ file, line }: CodeBlock) => `${file}:${line}`;

/** An empty folder, in which the blocks of one page run with one environment. */
async function createReader(name: string) {
  const folder = join(packed.folder, name);
  await mkdir(folder);
  const port = await freePort();
  const env: NodeJS.ProcessEnv = userEnvironment({
    PORT: String(port),
    npm_config_prefer_offline: "true",
    npm_config_audit: "false",
    npm_config_fund: "false",
  });
  delete env["REDIS_URL"];
  const scriptOf = ({ code }: CodeBlock) => code.replaceAll("127.0.0.1:8787", `127.0.0.1:${port}`);

  return {
    folder,

    /** @throws Error if it does not end with 0, or does not write what the page says */
    async run(block: CodeBlock): Promise<void> {
      const script = scriptOf(block);
      for (const [, exported = ""] of script.matchAll(/^export (.+)$/gm)) {
        for (const assignment of exported.split(" ")) {
          const [name = "", value] = assignment.split("=");
          env[name] = value;
        }
      }
      const ran = await run("bash", ["-ec", script], folder, { env });
      const wanted = [...block.code.matchAll(/^# (.+)$/gm)].map(([, text = ""]) => text);
      const missing = wanted.filter((text) => !holds(ran.stdout, text));
      if (ran.code === 0 && missing.length === 0) return;
      throw new Error(
        `${placeOf(block)} ended with ${ran.code}; expected ${JSON.stringify(missing)} in:\n${ran.stdout}\n${ran.stderr}`,
      );
    },

    /** Resolves when it is up. */
    async start(block: CodeBlock): Promise<void> {
      const upText = block.marks.get("stays-up") ?? "";
      // In a group of its own, as a terminal starts it, so that the signal at the end reaches all of it.
      const options = { cwd: folder, env, detached: true };
      const child = spawn("bash", ["-ec", scriptOf(block)], options);
      running = child;
      let text = "";
      await new Promise<void>((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr]) {
          stream.on("data", (chunk: Buffer) => {
            text += chunk.toString();
            if (text.includes(upText)) resolve();
          });
        }
        child.once("exit", () => {
          reject(new Error(`${placeOf(block)} ended instead of being up:\n${text}`));
        });
      });
    },
  };
}

/** Whether `text` holds the parts of `wanted` between `…`, in their order. */
function holds(text: string, wanted: string): boolean {
  let at = 0;
  for (const part of wanted.split("…")) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}

describe.each(Object.keys(notRun) as Page[])("%s", (page) => {
  it("has only blocks that can be executed, or say why not", async ({ expect }) => {
    const blocks = await blocksOf(page);
    const unknown = blocks.filter(({ language }) => !["ts", "sh", "text"].includes(language));
    expect(unknown.map(placeOf)).toEqual([]);
    const left = blocks.filter(({ marks }) => marks.has("not-run-here"));
    expect(left.map(placeOf)).toHaveLength(notRun[page]);
    expect(left.filter(({ marks }) => marks.get("not-run-here") === "")).toEqual([]);

    const files = await filesShownIn(page);
    expect(files.size).toBe(blocks.filter(({ language }) => language === "ts").length);
    const commands = blocks.filter(isRun).map(({ code }) => code);
    const unused = [...files.keys()].filter(
      (name) => !commands.some((code) => code.includes(name)),
    );
    expect(unused).toEqual([]);
  });

  it("does what it says, from npm init -y on, and has types that tsc --init is content with", async ({
    expect,
  }) => {
    const blocks = await blocksOf(page);
    const reader = await createReader(page.replaceAll(/\W/g, "-"));
    for (const block of blocks.filter(isRun).filter(isSetUp).slice(0, 1)) await reader.run(block);
    for (const [name, code] of await filesShownIn(page)) {
      await writeFile(join(reader.folder, name), code);
    }
    // The README shows a call before it says how to start what is called.
    const others = blocks.filter(isRun).filter((block) => !/^npm init/.test(block.code));
    const staying = others.filter(({ marks }) => marks.has("stays-up"));
    expect(staying).toHaveLength(1);
    for (const block of others.filter(({ code }) => code.startsWith("export "))) {
      await reader.run(block);
    }
    for (const block of staying) await reader.start(block);
    for (const block of others.filter(({ marks }) => !marks.has("stays-up"))) {
      await reader.run(block);
    }

    const compiler = join(projectRoot, "node_modules", "typescript", "bin", "tsc");
    const tsc = (...args: readonly string[]) =>
      run(process.execPath, [compiler, ...args], reader.folder);
    // A page that says so has done it.
    const isDone = others.some(({ code }) => code.includes("tsc --init"));
    if (!isDone) expect(await tsc("--init")).toMatchObject({ code: 0 });
    expect(await tsc("--noEmit", "--pretty", "false")).toMatchObject({ code: 0, stdout: "" });
  });
});
