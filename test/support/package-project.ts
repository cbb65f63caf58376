/** The package as `npm pack` makes it, installed into a project of a test's own. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { codeBlocks, packageName, projectRoot } from "./documents.ts";

/** How a program ended, and what it wrote. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with the tarball, and a place for projects beside it. */
export interface PackedPackage extends AsyncDisposable {
  /** Holds `signalbox/`, where the tarball is, as a checkout would. */
  readonly folder: string;
  /** Path of the tarball. */
  readonly tarball: string;
}

export interface PackageProject extends PackedPackage {
  /** Runs `signalbox`, as it was installed. */
  signalbox(args: readonly string[], more?: RunOptions): Promise<Ran>;
  /** Checks the project's types; the errors as `file:line`. */
  typeErrors(): Promise<readonly string[]>;
  write(name: string, text: string): Promise<void>;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: string;
}

/** The folder of the installed package. */
export function installedFolder({ folder }: Pick<PackageProject, "folder">): string {
  return join(folder, "node_modules", ...packageName().split("/"));
}

/** The path of the program in the project. */
export function programOf(project: Pick<PackageProject, "folder">): string {
  return join(installedFolder(project), "dist", "cli", "main.js");
}

/** Packs into a folder of its own, as a user does in a checkout. */
export async function packPackage(): Promise<PackedPackage> {
  const folder = await mkdtemp(join(tmpdir(), "signalbox-package-"));
  const checkout = join(folder, "signalbox");
  await mkdir(checkout);
  const args = ["pack", "--json", "--pack-destination", checkout];
  const { stdout } = await runToEnd("npm", args, projectRoot);
  return {
    folder,
    tarball: join(checkout, fileNameIn(stdout)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Packs, and installs what was packed with npm, as a user would. */
export async function createPackageProject(): Promise<PackageProject> {
  const packed = await packPackage();
  const folder = join(packed.folder, "project");
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  await writeFile(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        target: "ES2024",
        module: "NodeNext",
        noEmit: true,
        types: [],
        allowImportingTsExtensions: true,
        skipLibCheck: true,
      },
      include: ["*.ts"],
    }),
  );
  const { tarball } = packed;
  await runToEnd("npm", [...npmInstall, tarball, "hono", "zod"], folder);
  return {
    folder,
    tarball,
    signalbox: (args, more) =>
      run(process.execPath, [programOf({ folder }), ...args], folder, more),
    async typeErrors() {
      const compiler = join(projectRoot, "node_modules", "typescript", "bin", "tsc");
      const { stdout } = await run(process.execPath, [compiler, "--pretty", "false"], folder);
      return [...stdout.matchAll(/^([\w.]+)\((\d+),\d+\): error/gm)].map(
        ([, file = "", line = ""]) => `${file}:${line}`,
      );
    },
    write: (name, text) => writeFile(join(folder, name), text),
    [Symbol.asyncDispose]: () => packed[Symbol.asyncDispose](),
  };
}

/** From npm's cache, where it has what is asked for. */
const npmInstall = ["install", "--no-audit", "--no-fund", "--prefer-offline"];

/** What npm prints may begin with the lines of the scripts that it ran. */
function fileNameIn(output: string): string {
  const name = /"filename": "([^"]+)"/.exec(output)?.[1];
  if (name === undefined) throw new Error(`npm pack did not say what it made:\n${output}`);
  // npm 11 and before print the scope of a package as a folder.
  return name.replace(/^@/, "").replace("/", "-");
}

/** @throws Error with everything it wrote, if it did not end with 0 */
async function runToEnd(command: string, args: readonly string[], cwd: string): Promise<Ran> {
  const ran = await run(command, args, cwd);
  if (ran.code === 0) return ran;
  throw new Error(
    `${command} ${args.join(" ")} ended with ${ran.code}:\n${ran.stdout}${ran.stderr}`,
  );
}

/** The environment of a user whose Node is the one that runs the tests. */
export function userEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const path = `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`;
  return { ...process.env, ...more, PATH: path };
}

/** Runs a program to its end; resolves however it ended. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  { env = {}, stdin = "" }: RunOptions = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { cwd, env: userEnvironment(env) };
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
    // A program may end without reading its input; how it ended says enough.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(stdin);
  });
}

/** The files that a document shows: TypeScript blocks that begin with `// <name>.ts`, by that name. */
export async function filesShownIn(file: string): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(join(projectRoot, file), "utf8");
  const found = codeBlocks({ file, text }).flatMap(({ language, code }) => {
    const name = /^\/\/ ([\w-]+\.ts)\b/.exec(code)?.[1];
    return language === "ts" && name !== undefined ? [[name, code] as const] : [];
  });
  return new Map(found);
}
