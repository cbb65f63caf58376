/** What `npm pack` makes, for a user who has nothing else: types, the README's example, the command line. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { afterAll, beforeAll, describe, it } from "vitest";
import { freePort } from "../../local/ports.ts";
import { packageName } from "../support/documents.ts";
import {
  createPackageProject,
  filesShownIn,
  installedFolder,
  type PackageProject,
  programOf,
} from "../support/package-project.ts";

const secrets = {
  SIGNALBOX_TOKEN: "client-token-0123456789",
  SIGNALBOX_SIGNING_SECRET: `whsec_${btoa("0123456789abcdef0123456789abcdef")}`,
};
let project: PackageProject;
let dev: ChildProcess;
let url: string;
/** For the command line. */
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  project = await createPackageProject();
  for (const [name, code] of await filesShownIn("README.md")) await project.write(name, code);
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  env = { ...secrets, SIGNALBOX_URL: url };
  const args = ["dev", "--app", "app.ts", "--handlers", "jobs.ts", "--port", String(port)];
  const settings: NodeJS.ProcessEnv = { ...process.env, ...secrets };
  delete settings["REDIS_URL"];
  dev = spawn(process.execPath, [programOf(project), ...args], {
    cwd: project.folder,
    env: settings,
  });
  await untilUp(dev);
});

afterAll(async () => {
  const exited = once(dev, "exit");
  dev.kill("SIGTERM");
  await exited;
  await project[Symbol.asyncDispose]();
});

function untilUp({ stdout, stderr }: ChildProcess): Promise<void> {
  let text = "";
  return new Promise((resolve, reject) => {
    for (const stream of [stdout, stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes("Ctrl-C ends everything.")) resolve();
      });
    }
    dev.once("exit", () => {
      reject(new Error(`It ended instead of being up:\n${text}`));
    });
  });
}

const json = (text: string) => JSON.parse(text) as Readonly<Record<string, unknown>>;

describe("the package", () => {
  it("has exports in which publint finds nothing", async ({ expect }) => {
    const pkgDir = installedFolder(project);
    const { messages } = await publint({ pkgDir, strict: true });
    expect(messages).toEqual([]);
  });

  it("has types that match its modules", async ({ expect }) => {
    const found = await checkPackage(createPackageFromTarballData(await readFile(project.tarball)));
    expect(found.types).not.toBe(false);
    const problems = found.types === false ? [] : found.problems;
    // It has ES modules only, and Node before 12.7 did not know `exports`.
    const real = problems.filter(
      (problem) =>
        problem.kind !== "CJSResolvesToESM" &&
        !("resolutionKind" in problem && problem.resolutionKind === "node10"),
    );
    expect(real).toEqual([]);
  });
});

describe("the README's example", () => {
  it("has fewer than 30 lines, and its types are right", async ({ expect }) => {
    const files = await filesShownIn("README.md");
    const lines = ["jobs.ts", "app.ts"].flatMap((name) =>
      (files.get(name) ?? "").split("\n").filter((line) => line.trim() !== ""),
    );
    expect(lines.length).toBeGreaterThan(15);
    expect(lines.length).toBeLessThan(30);
    await expect(project.typeErrors()).resolves.toEqual([]);
  });

  it("dispatches a job and awaits it", async ({ expect }) => {
    const response = await fetch(`${url}/count`, { method: "POST", body: "three small words" });
    await expect(response.json()).resolves.toEqual({ words: 3 });
  });

  it("is refused by the compiler with wrong names, payloads and results", async ({ expect }) => {
    await project.write(
      "wrong.ts",
      `import { createClient } from "${packageName()}/client";
import { startSubscriber } from "${packageName()}/subscriber";
import { catalog } from "./jobs.ts";
const client = createClient<typeof catalog>({ url: "http://x", token: "x" });
void client.run({ name: "text.count", payload: { text: "right" } }).then((r) => r.words.toFixed());
void client.run({ name: "text.count", payload: { text: 1 } });
void client.run({ name: "text.count" });
void client.dispatch({ name: "text.count", payload: { text: "", more: 1 } });
void client.dispatch({ name: "text.cuont", payload: { text: "" } });
void client.dispatchBatch([{ name: "text.count", payload: "text" }]);
void client.run({ name: "text.count", payload: { text: "" } }).then((r) => r.letters);
void client.schedules.put("s", { name: "text.count", payload: {}, everyMs: 1000 });
void startSubscriber({ catalog, env: {}, handlers: { "text.count": () => ({ words: "many" }) } });
`,
    );
    const errors = await project.typeErrors();
    await project.write("wrong.ts", "");
    expect(new Set(errors)).toEqual(
      new Set([6, 7, 8, 9, 10, 11, 12, 13].map((line) => `wrong.ts:${line}`)),
    );
  });
});

describe("signalbox", () => {
  it("dispatches from argument, file and stdin, and waits", async ({ expect }) => {
    await project.write("payload.json", '{"text":"from a file"}');
    const sources = [
      { args: ['{"text":"one two"}'], stdin: "", words: 2 },
      { args: ["--file", "payload.json"], stdin: "", words: 3 },
      { args: ["-"], stdin: '{"text":"word"}', words: 1 },
    ];
    for (const { args, stdin, words } of sources) {
      const command = ["dispatch", "text.count", ...args, "--wait", "--json"];
      const ran = await project.signalbox(command, { env, stdin });
      expect(ran.code, ran.stderr).toBe(0);
      expect(json(ran.stdout)).toMatchObject({ state: "succeeded", result: { words } });
    }
  });

  it("says by its exit code that a job failed", async ({ expect }) => {
    const ran = await project.signalbox(["dispatch", "text.count", "1", "--wait", "--json"], {
      env,
    });
    expect(ran.code).toBe(1);
    expect(json(ran.stdout)).toMatchObject({ state: "failed" });
  });

  it("shows, watches, cancels, retries and deletes a job", async ({ expect }) => {
    const later = [
      "dispatch",
      "text.count",
      '{"text":""}',
      "--id",
      "later",
      "--delay-ms",
      "600000",
    ];
    expect((await project.signalbox(later, { env })).stdout).toContain("later delayed");
    const list = await project.signalbox(["jobs", "list", "--state", "delayed"], { env });
    expect(list.stdout).toMatch(/^id .*\nlater /);
    expect(list.stdout, "no colours where there is no terminal").not.toContain("\u001b");
    const ask = (...args: readonly string[]) => project.signalbox(["--json", ...args], { env });
    expect(json((await ask("jobs", "cancel", "later")).stdout)).toMatchObject({
      outcome: "cancelled",
    });
    expect((await ask("jobs", "watch", "later")).code).toBe(1);
    expect(json((await ask("jobs", "retry", "later")).stdout)).toMatchObject({ resent: true });
    expect((await ask("jobs", "watch", "later")).code).toBe(0);
    expect((await ask("jobs", "delete", "later")).code).toBe(0);
    const gone = await ask("jobs", "get", "later");
    expect(gone.code).toBe(1);
    expect(json(gone.stderr)).toMatchObject({ code: "not_found" });
  });

  it("puts, shows, pauses, resumes, runs and deletes a schedule", async ({ expect }) => {
    const ask = async (...args: readonly string[]) => {
      const ran = await project.signalbox(["schedules", ...args, "--json"], { env });
      expect(ran.code, ran.stderr).toBe(0);
      return JSON.parse(ran.stdout) as unknown;
    };
    const rule = ["--cron", "0 0 1 1 *", "--time-zone", "Asia/Tokyo"];
    const put = ["put", "yearly", '{"payload":{"text":"a b"}}', "--name", "text.count", ...rule];
    expect(await ask(...put)).toMatchObject({ outcome: "created" });
    expect(await ask("preview", ...rule, "--count", "2")).toHaveLength(2);
    expect(await ask("list")).toMatchObject([{ id: "yearly" }]);
    expect(await ask("pause", "yearly")).toMatchObject({ state: "paused" });
    expect(await ask("resume", "yearly")).toMatchObject({ state: "active" });
    expect(await ask("get", "yearly")).toMatchObject({ timeZone: "Asia/Tokyo" });
    const { job } = (await ask("run", "yearly")) as { readonly job: string };
    expect((await project.signalbox(["jobs", "watch", job], { env })).stdout).toContain(
      '"words": 2',
    );
    expect(await ask("delete", "yearly")).toMatchObject({ existed: true });
  });

  it("lists nodes and queues", async ({ expect }) => {
    const { stdout: nodes } = await project.signalbox(["nodes"], { env });
    expect(nodes).toMatch(/^1 +yes +0 +10 +default$/m);
    const { stdout: queues } = await project.signalbox(["queues"], { env });
    expect(queues).toMatch(/^default +0 +30 +1,2,3$/m);
  });

  it("finds with doctor what is wrong, and says what to fix", async ({ expect }) => {
    const well = await project.signalbox(["doctor"], { env });
    expect(well.code, well.stdout).toBe(0);
    expect(well.stdout).toMatch(/signature: the function knows key [0-9a-f]{8}$/m);
    const other = { ...env, SIGNALBOX_SIGNING_SECRET: `whsec_${btoa("x".repeat(32))}` };
    const ill = await project.signalbox(["doctor", "--json"], {
      env: {
        ...other,
        SIGNALBOX_TOKEN: "another-token-0123456789",
        REDIS_URL: "redis://127.0.0.1:1",
      },
    });
    expect(ill.code).toBe(1);
    const wrong = (JSON.parse(ill.stdout) as readonly Record<string, string>[]).filter(
      ({ state }) => state === "wrong",
    );
    expect(wrong.map(({ check }) => check).sort()).toEqual(["redis", "signature", "token"]);
    expect(wrong.every(({ fix }) => fix !== undefined)).toBe(true);
  });

  it("tells usage, unreachable and help apart by exit codes", async ({ expect }) => {
    expect(await project.signalbox(["frob"])).toMatchObject({ code: 2, stdout: "" });
    expect(json((await project.signalbox(["frob", "--json"])).stderr)).toMatchObject({
      code: "usage",
      detail: "unknown command 'frob'",
    });
    const unset = { ...env, SIGNALBOX_TOKEN: "" };
    expect((await project.signalbox(["nodes"], { env: unset })).code).toBe(2);
    expect((await project.signalbox(["dispatch", "x", "{"], { env })).code).toBe(2);
    const nowhere = { ...env, SIGNALBOX_URL: "http://127.0.0.1:1" };
    expect((await project.signalbox(["nodes"], { env: nowhere })).code).toBe(3);
    const help = await project.signalbox(["jobs", "--help"]);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain("watch");
    expect((await project.signalbox(["complete", "bash"])).stdout).toContain("signalbox");
  });

  it("makes keys, and exchanges them by steps", async ({ expect }) => {
    const made = json((await project.signalbox(["keys", "new", "--json"])).stdout);
    expect(made["signingSecret"]).toMatch(/^whsec_/);
    const rotated = json((await project.signalbox(["keys", "rotate", "--json"], { env })).stdout);
    const current = secrets.SIGNALBOX_SIGNING_SECRET;
    expect(rotated["both"]).toBe(`${current} ${String(rotated["next"])}`);
  });
});
