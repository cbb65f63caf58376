/** Checks the one token of the gateway. */
import { createHash, timingSafeEqual } from "node:crypto";

/** Whether the token of a caller, if any, is the right one. */
export type TokenCheck = (shown: string | undefined) => boolean;

/** Compares digests, which takes the same time for every wrong token, whatever its length. */
export function tokenCheck(token: string): TokenCheck {
  const expected = digest(token);
  return (shown) => shown !== undefined && timingSafeEqual(digest(shown), expected);
}

/** Reads the token of an `Authorization` header; as at Upstash, "Bearer" may be missing. */
export function bearerToken(header: string | undefined): string | undefined {
  return header?.trim().replace(/^bearer\s+/i, "");
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
