/** The Worker's log: its console, one JSON line per event. */
import type { Log } from "./deps.ts";

/** Writes one line. An error is written with its code, stack, cause and, if it stands for several, their errors. */
export const log: Log = (fields) => {
  const replace = (_key: string, value: unknown) => (value instanceof Error ? shown(value) : value);
  // eslint-disable-next-line no-console -- the console is where a Worker logs
  console.log(JSON.stringify(fields, replace));
};

function shown(error: Error & { readonly code?: unknown; readonly errors?: unknown }) {
  const { name, code, message, stack, cause, errors } = error;
  return { name, code, message, stack, cause, errors };
}
