/** Loads the handlers module that the user names in `SIGNALBOX_HANDLERS`, and checks handlers and catalogue. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { SignalboxError } from "../../protocol/error.ts";
import type { Catalog } from "../../protocol/wire/catalog.ts";
import { jobNamePattern } from "../../protocol/wire/names.ts";
import { isWholeFrom, longestTimeoutMs, showValue, wholeText } from "../../protocol/wire/whole.ts";
import type { Handler, HandlerModule } from "../attempt/runner.ts";

/**
 * Imports `path` (relative to the working directory), which exports `handlers` and, for checks and time-outs, `catalog`.
 * @throws SignalboxError `config_invalid` if it cannot be loaded, or an export is not as it must be
 */
export async function loadModule(path: string): Promise<HandlerModule> {
  return checkModule(await load(path), `SIGNALBOX_HANDLERS: ${path}: `);
}

/**
 * Checks handlers and catalogue before a job comes: what is wrong with them would fail each job.
 * @param where What the messages begin with.
 * @throws SignalboxError `config_invalid` that names the entry, and what is expected of it
 */
export function checkModule(
  { handlers, catalog }: { readonly handlers?: unknown; readonly catalog?: unknown },
  where = "",
): HandlerModule {
  const invalid = (expected: string) => new SignalboxError("config_invalid", where + expected);
  if (!isRecord(handlers)) throw invalid("expected an export named handlers, an object");
  if (catalog !== undefined && !isRecord(catalog))
    throw invalid("expected catalog to be an object");
  for (const [name, handler] of Object.entries(handlers)) {
    const problem = handlerProblem(name, handler);
    if (problem !== null) throw invalid(problem);
  }
  const missing = Object.keys(catalog ?? {}).filter((name) => !Object.hasOwn(handlers, name));
  if (missing.length > 0) throw invalid(`expected a handler for ${missing.join(", ")}`);
  for (const [name, entry] of Object.entries(catalog ?? {})) {
    const problem = entryProblem(entry);
    if (problem !== null) throw invalid(`expected catalog[${JSON.stringify(name)}]${problem}`);
  }
  // The types of payloads and results were checked where the module was written.
  return {
    handlers: handlers as Readonly<Record<string, Handler>>,
    catalog: catalog as Catalog | undefined,
  };
}

function handlerProblem(name: string, handler: unknown): string | null {
  const shown = JSON.stringify(name);
  if (typeof handler !== "function") return `expected handlers[${shown}] to be a function`;
  if (jobNamePattern.test(name)) return null;
  return `expected handler names like ${jobNamePattern.source}, got ${shown}`;
}

/** What is wrong with an entry of the catalogue. */
function entryProblem(entry: unknown): string | null {
  if (!isRecord(entry)) return " to be an object with payload, result and timeoutMs?";
  for (const name of ["payload", "result"] as const) {
    const schema = entry[name];
    if (schema !== undefined && !isSchema(schema))
      return `.${name} to be a schema of the Standard Schema interface, such as zod's`;
  }
  const { timeoutMs } = entry;
  if (timeoutMs === undefined || isWholeFrom(1, timeoutMs, longestTimeoutMs)) return null;
  return `.timeoutMs to be ${wholeText(1, longestTimeoutMs)} milliseconds, got ${showValue(timeoutMs)}`;
}

/** Schemas of some libraries are functions. */
function isSchema(value: unknown): boolean {
  if (typeof value !== "function" && !isRecord(value)) return false;
  const standard = (value as Readonly<Record<string, unknown>>)["~standard"];
  return isRecord(standard) && typeof standard["validate"] === "function";
}

async function load(path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>;
  } catch (error) {
    throw new SignalboxError(
      "config_invalid",
      `SIGNALBOX_HANDLERS: ${path} could not be loaded: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
