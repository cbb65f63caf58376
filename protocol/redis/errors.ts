/**
 * The one table of Redis's error replies, for every client: subscriber and producer over TCP, the function over REST, and
 * the gateway between them. It says what each code means for a caller, and finds the code in the forms in which servers
 * wrap the error of a script's call.
 */

/** What a code means for a caller. */
export interface RedisErrorTraits {
  /** Redis cannot serve now: the same call may succeed later. False: it was refused, and a repetition is too. */
  readonly isTransient: boolean;
  /**
   * This server is not, or no longer, the one to ask: an old master goes on as a replica and keeps its connections, so
   * only a new connection to the same address finds its successor.
   */
  readonly needsReconnect: boolean;
}

const refused: RedisErrorTraits = { isTransient: false, needsReconnect: false };
const transient: RedisErrorTraits = { isTransient: true, needsReconnect: false };
const elsewhere: RedisErrorTraits = { isTransient: true, needsReconnect: true };

const table = {
  READONLY: elsewhere,
  MASTERDOWN: elsewhere,
  // A demoted master loads its successor's data; a new connection waits until that is done, or finds the successor.
  LOADING: elsewhere,
  CLUSTERDOWN: transient,
  TRYAGAIN: transient,
  MOVED: transient,
  ASK: transient,
  BUSY: transient,
  UNKILLABLE: transient,
  OOM: transient,
  MISCONF: transient,
  NOREPLICAS: transient,
  NOSCRIPT: refused,
  NOPERM: refused,
  NOAUTH: refused,
  WRONGPASS: refused,
} as const satisfies Readonly<Record<string, RedisErrorTraits>>;

/** The codes that clients treat differently. Every other code is a refusal. */
export type RedisErrorCode = keyof typeof table;

/**
 * What may stand before the code, and nothing else may: a key or a payload that an error quotes is never taken for one.
 * - `-`: the mark of an error reply.
 * - `ERR `: a REST API that marks every error.
 * - `ERR Error running script (call to f_<digest>): @user_script:1: @user_script: 1: -`: Redis up to 6.2 and KeyDB.
 *   Redis 7 and Valkey put the script's place at the end.
 * - `EXECABORT Transaction discarded because of: `: a transaction refused by its `EXEC`.
 */
const wrapped =
  /^-?(?:EXECABORT Transaction discarded because of: )?(?:ERR )?(?:Error running script(?: \([^()]*\))?: (?:@?user_script: ?\d+: ?)*)?-?([A-Z]+)(?: |$)/;

/** How Redis 7.0, and 7.2 and later, say without a code that the user may not do what a script does. */
const missingRight = /^-?ERR (?:ACL failure in script: |The user executing the script can't )/;

/** The code of an error reply's text, if the table has it; null for any other. Pure. */
export function redisErrorCode(text: string): RedisErrorCode | null {
  if (missingRight.test(text)) return "NOPERM";
  const code = wrapped.exec(text.trimStart())?.[1];
  return code !== undefined && Object.hasOwn(table, code) ? (code as RedisErrorCode) : null;
}

/** What the text of an error reply means for a caller. Pure. */
export function redisErrorTraits(text: string): RedisErrorTraits {
  const code = redisErrorCode(text);
  return code === null ? refused : table[code];
}
