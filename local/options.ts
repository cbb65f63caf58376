/** The options of the stack, from arguments and environment. */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { givenSettings } from "../protocol/settings/given.ts";

export interface StartOptions {
  /** Run the demonstration, end, and report its success by the exit code. */
  readonly isOnce: boolean;
  readonly hasDemo: boolean;
  readonly wantsHelp: boolean;
  /** A Worker's module to serve in Node; the function in wrangler if undefined. */
  readonly app: string | undefined;
  /** Where that module mounts Signalbox, such as `/signalbox`; "" for /. */
  readonly mount: string;
  /** The requested port; undefined if any will do. */
  readonly port: number | undefined;
  /** The folder for the files of the stack. */
  readonly home: string;
}

/** The options are invalid; the message says what is expected. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const USAGE = `Starts Signalbox on this machine: Redis, gateway, function, subscriber, clock.

  npm start                  and runs a demonstration, then stays up
  npm start -- --once        and runs the demonstration, then ends: exit code 0 only if every
                             job was dispatched, recorded and successful
  npm start -- --no-demo     and stays up (the same: npm run dev)
  npm start -- --app FILE    with that Worker's module, served in Node, as the function;
                             --mount PATH says where it mounts Signalbox

Environment:
  PORT             of the function; 8787 or, if that is taken, a free one
  REDIS_URL        a Redis server to use instead of starting one
  SIGNALBOX_HOME   folder for what the stack writes; .signalbox in the project's folder
  SIGNALBOX_TOKEN  what callers have to show; random unless set
  SIGNALBOX_FETCH_HOSTS   hosts that page.fetch may fetch from, separated by commas
  SIGNALBOX_…      all others are passed on to function and subscriber: see docs/configuration.md
`;

/** @param root the folder of the project */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  root: string,
): StartOptions {
  const values = parseArguments(args);
  const given = givenSettings(env);
  if (values.once && values["no-demo"]) {
    throw new UsageError("--once runs the demonstration and --no-demo leaves it out: choose one.");
  }
  return {
    isOnce: values.once,
    hasDemo: !values["no-demo"],
    wantsHelp: values.help,
    app: values.app === undefined ? undefined : resolve(values.app),
    mount: (values.mount ?? "").replace(/\/+$/, ""),
    port: parsePort(given["PORT"]),
    home: resolve(given["SIGNALBOX_HOME"] ?? join(root, ".signalbox")),
  };
}

function parseArguments(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        once: { type: "boolean", default: false },
        "no-demo": { type: "boolean", default: false },
        app: { type: "string" },
        mount: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${reason}\n\n${USAGE}`, { cause: error });
  }
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
    throw new UsageError(`PORT: expected a whole number from 1 to 65535, got "${text}".`);
  }
  return port;
}
