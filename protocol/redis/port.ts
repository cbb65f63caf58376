/**
 * The narrow port through which every command reaches Redis. `functions/` adapts it to HTTP, `subscriber/` to TCP;
 * one contract suite runs on both.
 */

/** The text of a script and the name that errors and logs call it by. */
export interface ScriptText {
  readonly name: string;
  readonly lua: string;
}

/** One script call or one plain command. */
export type Call =
  | {
      readonly script: ScriptText;
      readonly keys: readonly string[];
      readonly args: readonly string[];
    }
  | { readonly command: readonly [string, ...string[]] };

/** What Redis answers: strings, integers, nil, and arrays of these. */
export type Reply = string | number | null | readonly Reply[];

/** Sends calls to Redis. */
export interface RedisPort {
  /**
   * Sends all calls in one round trip and resolves to one reply for each, in their order. The calls are not one
   * transaction: each script is atomic by itself. The port never sends a call twice.
   * @throws SignalboxError `redis_unavailable` if no answer came (the calls may have been applied),
   *   `redis_refused` if Redis answered with an error
   */
  send(calls: readonly Call[]): Promise<readonly Reply[]>;
}
