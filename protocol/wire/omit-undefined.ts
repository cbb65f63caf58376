/** Optional fields under `exactOptionalPropertyTypes`: a field that is `undefined` must be left out, not stored. */

/** `Fields` with each field that may be `undefined` made optional. */
export type WithoutUndefined<Fields> = {
  [Key in keyof Fields as undefined extends Fields[Key] ? never : Key]: Fields[Key];
} & {
  [Key in keyof Fields as undefined extends Fields[Key] ? Key : never]?: Exclude<
    Fields[Key],
    undefined
  >;
};

/**
 * Copies `fields` without those that are `undefined`. Not for code that runs once per job: an object literal keeps one
 * hidden class in V8, an object built from entries does not.
 * @example omitUndefined({ id, node: spec.node }) // { id } where spec.node is undefined
 */
export function omitUndefined<Fields extends object>(fields: Fields): WithoutUndefined<Fields> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as WithoutUndefined<Fields>;
}
