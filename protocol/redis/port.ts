/**
 * The narrow port through which all state changes go. `functions/` adapts it to HTTP,
 * `subscriber/` to TCP; one contract suite runs over both.
 */

/** The text of a script and a name to know it by. */
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
   * Sends all calls in one round trip and returns their replies in order. The calls are not one
   * transaction: each script is atomic by itself. Nothing is sent twice by the port.
   * @throws SignalboxError `redis_unavailable` when no answer came (the calls may have been applied),
   *   `redis_refused` when Redis answered with an error
   */
  send(calls: readonly Call[]): Promise<readonly Reply[]>;
}
