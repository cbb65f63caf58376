/** Bearer tokens as the function knows them: by digest, so that a reader of its configuration learns no token. */

/**
 * What a token may be allowed: `dispatch` jobs; `read` jobs, schedules and nodes; `manage`, that is, change them.
 */
export const scopes = ["dispatch", "read", "manage"] as const;

/** One thing that a token may be allowed. */
export type Scope = (typeof scopes)[number];

/** The name of a token. It is no secret: it is in the answer to a client whose token does not suffice. */
export const tokenNamePattern = /^(?!-$)[A-Za-z0-9._-]{1,64}$/;

/** One entry of `SIGNALBOX_TOKENS`. */
export interface TokenEntry {
  readonly name: string;
  /** Digest of the token's text, 64 hexadecimal digits. */
  readonly sha256: string;
  /** At least one; no scope includes another. */
  readonly scopes: readonly Scope[];
  /** The only queues it may use; all if absent. */
  readonly queues?: readonly string[];
  /** When it expires, RFC 3339; never if absent. */
  readonly expiresAt?: string;
  /** Overrides `SIGNALBOX_RATE_LIMIT`, in the same form. */
  readonly rateLimit?: string;
}

const encoder = new TextEncoder();

/** The SHA-256 of a token. Tokens are long and random, so they need neither salt nor a slow hash. */
export async function tokenDigest(token: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(token)));
}
