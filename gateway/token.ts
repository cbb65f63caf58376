/** Who may use the gateway: whoever has the one token. */
import { createHash, timingSafeEqual } from "node:crypto";

/** Says whether the token a caller showed, if any, is the right one. */
export type TokenCheck = (shown: string | undefined) => boolean;

/** Comparing digests takes the same time for every wrong token, whatever its length. */
export function tokenCheck(token: string): TokenCheck {
  const expected = digest(token);
  return (shown) => shown !== undefined && timingSafeEqual(digest(shown), expected);
}

/** Reads the token of an `Authorization` header; like Upstash's, ours may come without "Bearer". */
export function bearerToken(header: string | undefined): string | undefined {
  return header?.trim().replace(/^bearer\s+/i, "");
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
