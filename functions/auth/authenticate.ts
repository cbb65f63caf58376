/** Which token a request shows, and whether its scopes suffice. Every route under `/v1` asks for one, but the callback. */
import { SignalboxError } from "../../protocol/error.ts";
import { type Scope, tokenDigest } from "../../protocol/signing/api-token.ts";
import type { Token } from "./tokens.ts";

/**
 * The token that is shown. Compares digests, and all of them, so that the time it takes reveals neither the token's text nor
 * its place in the list.
 * @throws SignalboxError `unauthorized`
 */
export async function authenticate(
  header: string | undefined,
  tokens: readonly Token[],
  nowMs: number,
): Promise<Token> {
  const given = /^bearer +(\S+) *$/i.exec(header ?? "")?.[1];
  const digest = given === undefined ? new Uint8Array() : await tokenDigest(given);
  const [found] = tokens.filter((token) => equal(digest, token.digest));
  if (found === undefined) {
    throw new SignalboxError(
      "unauthorized",
      "expected the header Authorization: Bearer <SIGNALBOX_TOKEN>, " +
        (header === undefined ? "got none" : "got another"),
    );
  }
  if (found.expiresMs !== null && found.expiresMs <= nowMs) {
    const at = new Date(found.expiresMs).toISOString();
    throw new SignalboxError(
      "unauthorized",
      `expected a token that is still good; ${found.name} was until ${at}`,
    );
  }
  return found;
}

/** @throws SignalboxError `forbidden` */
export function requireScope({ name, scopes }: Token, scope: Scope): void {
  if (scopes.includes(scope)) return;
  throw new SignalboxError(
    "forbidden",
    `expected a token with the scope ${scope}; ${name} has ${scopes.join(", ")}`,
  );
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  b.forEach((byte, at) => (difference |= byte ^ (a[at] ?? 0)));
  return difference === 0;
}
