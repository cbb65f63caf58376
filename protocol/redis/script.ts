/**
 * Scripts with named keys and arguments. A script's Lua (`protocol/lua`) sees each key and argument as a local of
 * the same name, so that a wrong order cannot happen and a wrong name does not compile.
 */
import type { Call, Reply } from "./port.ts";

/** A script as the build of `protocol/lua` writes it. */
export interface ScriptSource<Key extends string, Arg extends string> {
  readonly name: string;
  /** Lua locals bound to `KEYS`, in this order. Further keys may follow. */
  readonly keys: readonly Key[];
  /** Lua locals bound to `ARGV`, in this order, always strings. What is variadic follows from `ARGV[first]` on. */
  readonly args: readonly Arg[];
  readonly lua: string;
}

/** What a call is made of. */
export interface ScriptInput<Key extends string, Arg extends string> {
  readonly keys: Readonly<Record<Key, string>>;
  readonly args: Readonly<Record<Arg, string | number>>;
  /** Bound to `KEYS[#keys + 1 …]`: further keys that the script touches, which a Cluster wants to be told. */
  readonly moreKeys?: readonly string[];
  /** Bound to `ARGV[first …]`. */
  readonly list?: readonly string[];
}

/** A script ready to call. */
export interface Script<Key extends string, Arg extends string, Result> {
  readonly name: string;
  readonly lua: string;
  readonly call: (input: ScriptInput<Key, Arg>) => Call;
  /** @throws SignalboxError `reply_unexpected` where versions differ */
  readonly parse: (reply: Reply) => Result;
}

/** Binds names to positions, and the reply to its type. */
export function defineScript<Key extends string, Arg extends string, Result>(
  { name, keys, args, lua }: ScriptSource<Key, Arg>,
  parse: (reply: Reply) => Result,
): Script<Key, Arg, Result> {
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
