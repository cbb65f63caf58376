/**
 * Scripts with named keys and arguments. A script's Lua sees each key and argument as a local of
 * the same name, so that a wrong order cannot happen and a wrong name does not compile.
 */
import type { Call, Reply } from "./port.ts";

/** What a script is made of. */
export interface ScriptDefinition<Key extends string, Arg extends string, Result> {
  readonly name: string;
  /** Lua locals bound to `KEYS`, in this order. Further keys follow as `more_keys`. */
  readonly keys: readonly Key[];
  /** Lua locals bound to `ARGV`, always strings. What is variadic follows from `ARGV[first]` on. */
  readonly args: readonly Arg[];
  /** Lua functions put before the body, each written once and named in its own file. */
  readonly uses?: readonly string[];
  readonly lua: string;
  readonly parse: (reply: Reply) => Result;
}

/** A script ready to call. */
export interface Script<Key extends string, Arg extends string, Result> {
  readonly name: string;
  readonly lua: string;
  call(input: {
    readonly keys: Readonly<Record<Key, string>>;
    readonly args: Readonly<Record<Arg, string | number>>;
    /** Bound to `KEYS[#keys + 1 …]`. */
    readonly moreKeys?: readonly string[];
    /** Bound to `ARGV[first …]`. */
    readonly list?: readonly string[];
  }): Call;
  readonly parse: (reply: Reply) => Result;
}

function locals(names: readonly string[], table: string): string {
  if (names.length === 0) return "";
  return `local ${names.join(", ")} = unpack(${table}, 1, ${names.length})\n`;
}

/** Binds names to positions. */
export function defineScript<Key extends string, Arg extends string, Result>(
  definition: ScriptDefinition<Key, Arg, Result>,
): Script<Key, Arg, Result> {
  const { name, keys, args, uses = [], parse } = definition;
  const lua =
    locals(keys, "KEYS") +
    locals(args, "ARGV") +
    `local first_key, first = ${keys.length + 1}, ${args.length + 1}\n` +
    [...uses, definition.lua].map((part) => part.trim()).join("\n");
  return {
    name,
    lua,
    parse,
    call: (input) => ({
      script: { name, lua },
      keys: [...keys.map((key) => input.keys[key]), ...(input.moreKeys ?? [])],
      args: [...args.map((arg) => String(input.args[arg])), ...(input.list ?? [])],
    }),
  };
}
