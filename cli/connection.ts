/** The client that the commands use. URL and token come from the environment: other users of a machine can read a command line. */
import type { Client } from "../client/calls.ts";
import { createClient } from "../client/client.ts";
import { givenSettings } from "../protocol/settings/given.ts";
import { inTheClearWarning, isInTheClear } from "../protocol/settings/in-the-clear.ts";
import { UsageError } from "./exit.ts";

/** @throws UsageError if SIGNALBOX_URL or SIGNALBOX_TOKEN is missing or malformed */
export function connect(): Client {
  const { SIGNALBOX_URL: url = "", SIGNALBOX_TOKEN: token = "" } = givenSettings(process.env);
  const missing = [
    ...(url === "" ? ["SIGNALBOX_URL (where the function is, such as http://127.0.0.1:8787)"] : []),
    ...(token === "" ? ["SIGNALBOX_TOKEN (the bearer token of its API)"] : []),
  ];
  if (missing.length > 0) throw new UsageError(`expected to find ${missing.join(" and ")} set`);
  if (isInTheClear(url)) {
    process.stderr.write(`warning: ${inTheClearWarning("SIGNALBOX_URL", "the token goes")}\n`);
  }
  try {
    return createClient({ url, token });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      problem.replace("url:", "SIGNALBOX_URL:").replace("token:", "SIGNALBOX_TOKEN:"),
    );
  }
}
