/**
 * Old spellings of environment variables that still work for one release: the one table for function and subscriber.
 * Pure; each side logs what `deprecatedSettings` says when it starts.
 */

import { givenSettings, isGiven } from "./given.ts";

/** Old name → current name. Remove an entry, and its note in CHANGELOG.md, one release after it was added. */
const aliases: Readonly<Record<string, string>> = {
  SIGNALBOX_UNHEARD_MS: "SIGNALBOX_UNACKNOWLEDGED_MS",
};

/** An environment in which only current names occur. */
export interface CurrentSettings<Value> {
  readonly env: Readonly<Record<string, Value | undefined>>;
  /** One sentence for each variable that is set under both names to different values; no value is shown. */
  readonly problems: readonly string[];
  /** The name under which a variable was given, so that an error names what its reader has written. */
  readonly givenName: (current: string) => string;
}

/** Leaves out what is set to nothing, and moves values from old names to current ones. */
export function currentSettings<Value>(
  env: Readonly<Record<string, Value | undefined>>,
): CurrentSettings<Value> {
  const set = givenSettings(env);
  const renamed: Record<string, Value | undefined> = { ...set };
  const given = new Map<string, string>();
  const problems: string[] = [];
  for (const [old, current] of Object.entries(aliases)) {
    const value = set[old];
    if (value === undefined) continue;
    if (set[current] === undefined) {
      renamed[current] = value;
      given.set(current, old);
    } else if (String(set[current]) !== String(value)) {
      problems.push(
        `${current}: expected the same value as ${old}, its old name, or only ${current}`,
      );
    }
  }
  return { env: renamed, problems, givenName: (current) => given.get(current) ?? current };
}

/** One sentence for each old name that is set. */
export function deprecatedSettings(env: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(aliases)
    .filter(([old]) => isGiven(env[old]))
    .map(
      ([old, current]) =>
        `${old} is the old name of ${current} and stops working in the next release`,
    );
}
