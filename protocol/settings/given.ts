/**
 * Which environment variables are set: the one rule for function, subscriber, gateway and command line. A variable that
 * holds nothing, or only spaces, counts as not set, as an `.env` file with `NAME=` means it.
 */

/**
 * The exceptions: without this secret jobs run unsigned, which must not follow from a secret that failed to arrive. It
 * stays as it is and is refused when it is read.
 */
const kept: ReadonlySet<string> = new Set(["SIGNALBOX_ENVELOPE_SECRET"]);

/** Whether a variable holds something. Bindings of a Worker may be other things than text. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && !(typeof value === "string" && value.trim() === "");
}

/** The variables that are set, and no others. */
export function givenSettings<Value>(
  env: Readonly<Record<string, Value | undefined>>,
): Readonly<Record<string, Value | undefined>> {
  const given = Object.entries(env).filter(([name, value]) => isGiven(value) || kept.has(name));
  return Object.fromEntries(given);
}
