/** Loads the handlers module that the user names in `SIGNALBOX_HANDLERS`. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { SignalboxError } from "../../protocol/error.ts";
import type { Catalog } from "../../protocol/wire/catalog.ts";
import { jobNamePattern } from "../../protocol/wire/names.ts";
import type { Handler, HandlerModule } from "../attempt/runner.ts";

/**
 * Imports `path` (relative to the working directory), which exports `handlers` and, for checks and time-outs, `catalog`.
 * @throws SignalboxError `config_invalid` if it cannot be loaded, or an export is not as it must be
 */
export async function loadModule(path: string): Promise<HandlerModule> {
  const loaded = await load(path);
  const { handlers, catalog } = loaded;
  if (!isRecord(handlers)) throw invalid(path, "expected an export named handlers, an object");
  if (catalog !== undefined && !isRecord(catalog))
    throw invalid(path, "expected catalog to be an object");
  for (const [name, handler] of Object.entries(handlers)) {
    if (typeof handler !== "function")
      throw invalid(path, `expected handlers[${JSON.stringify(name)}] to be a function`);
    if (!jobNamePattern.test(name))
      throw invalid(
        path,
        `expected handler names like ${jobNamePattern.source}, got ${JSON.stringify(name)}`,
      );
  }
  const missing = Object.keys(catalog ?? {}).filter((name) => !Object.hasOwn(handlers, name));
  if (missing.length > 0)
    throw invalid(path, `expected a handler for ${missing.join(", ")} of the catalogue`);
  return {
    handlers: handlers as Readonly<Record<string, Handler>>,
    catalog: catalog as Catalog | undefined,
  };
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

function invalid(path: string, expected: string): SignalboxError {
  return new SignalboxError("config_invalid", `SIGNALBOX_HANDLERS: ${path}: ${expected}`);
}
