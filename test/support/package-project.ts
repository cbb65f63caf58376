/** The package as `npm pack` makes it, installed into a project of a test's own. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** How a program ended, and what it wrote. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface PackageProject extends AsyncDisposable {
  readonly folder: string;
  /** Path of the tarball. */
  readonly tarball: string;
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

/** The path of the program in the project. */
export function programOf({ folder }: Pick<PackageProject, "folder">): string {
  return join(folder, "node_modules", "signalbox", "dist", "cli", "main.js");
}

/** Packs, and installs what was packed with npm, as a user would. */
export async function createPackageProject(): Promise<PackageProject> {
  const folder = await mkdtemp(join(tmpdir(), "signalbox-package-"));
  const packed = await succeed("npm", ["pack", "--json", "--pack-destination", folder], root);
  const tarball = join(folder, fileNameIn(packed.stdout));
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  await writeFile(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        ...{ strict: true, target: "ES2024", module: "NodeNext", noEmit: true, types: [] },
        ...{ allowImportingTsExtensions: true, skipLibCheck: true },
      },
      include: ["*.ts"],
    }),
  );
  const install = [
    "install",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    tarball,
    "hono",
    "zod",
  ];
  await succeed("npm", install, folder);
  return {
    folder,
    tarball,
    signalbox: (args, more) =>
      run(process.execPath, [programOf({ folder }), ...args], folder, more),
    async typeErrors() {
      const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
      const { stdout } = await run(process.execPath, [compiler, "--pretty", "false"], folder);
      return [...stdout.matchAll(/^([\w.]+)\((\d+),\d+\): error/gm)].map(
        ([, file = "", line = ""]) => `${file}:${line}`,
      );
    },
    write: (name, text) => writeFile(join(folder, name), text),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What npm prints may begin with the lines of the scripts that it ran. */
function fileNameIn(output: string): string {
  const name = /"filename": "([^"]+)"/.exec(output)?.[1];
  if (name === undefined) throw new Error(`npm pack did not say what it made:\n${output}`);
  return name;
}

async function succeed(command: string, args: readonly string[], cwd: string): Promise<Ran> {
  const ran = await run(command, args, cwd);
  if (ran.code === 0) return ran;
  throw new Error(
    `${command} ${args.join(" ")} ended with ${ran.code}:\n${ran.stdout}${ran.stderr}`,
  );
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  { env = {}, stdin = "" }: RunOptions = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const path = `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`;
    const options = { cwd, env: { ...process.env, ...env, PATH: path } };
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.end(stdin);
  });
}

/** The files that the README shows: TypeScript blocks that begin with `// <name>.ts`, by that name. */
export async function readmeFiles(): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(join(root, "README.md"), "utf8");
  const found = text.matchAll(/```ts\n\/\/ ([\w-]+\.ts)\n([^]*?)```/g);
  return new Map([...found].map(([, name = "", code = ""]) => [name, code]));
}
