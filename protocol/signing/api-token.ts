/** Bearer tokens as the function knows them: by digest, so that who reads its configuration holds none. */

/** What a token may be allowed: make jobs; look at jobs, schedules and nodes; change what is there. */
export const scopes = ["dispatch", "read", "manage"] as const;
export type Scope = (typeof scopes)[number];

/** Name of a token, which is no secret: it is told to whoever shows the token where it does not suffice. */
export const tokenNamePattern = /^(?!-$)[A-Za-z0-9._-]{1,64}$/;

/** One entry of `SIGNALBOX_TOKENS`. */
export interface TokenEntry {
  readonly name: string;
  /** Of the token's text, 64 hexadecimal digits. */
  readonly sha256: string;
  /** At least one. None includes another. */
  readonly scopes: readonly Scope[];
  /** The only queues that it is good for; all if absent. */
  readonly queues?: readonly string[];
  /** From when on it is refused, RFC 3339; never if absent. */
  readonly expiresAt?: string;
  /** As `SIGNALBOX_RATE_LIMIT`, and instead of it. */
  readonly rateLimit?: string;
}

const encoder = new TextEncoder();

/** The SHA-256 of a token. It is random and long, so that no salt or slow hash is needed. */
export async function tokenDigest(token: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(token)));
}
