/** The bearer token that every route but `/healthz` and the callback asks for. */
import { SignalboxError } from "../protocol/error.ts";

const encoder = new TextEncoder();

/**
 * Compares in constant time: both sides are hashed first, so that neither length nor content of the
 * token shows in how long it takes.
 * @throws SignalboxError `unauthorized`
 */
export async function authorize(header: string | undefined, token: string): Promise<void> {
  const given = /^bearer +(\S+) *$/i.exec(header ?? "")?.[1];
  const same = given !== undefined && equal(await digest(given), await digest(token));
  if (!same) {
    throw new SignalboxError(
      "unauthorized",
      "expected the header Authorization: Bearer <SIGNALBOX_TOKEN>, " +
        (header === undefined ? "got none" : "got another"),
    );
  }
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text)));
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  a.forEach((byte, at) => (difference |= byte ^ (b[at] ?? 0)));
  return difference === 0;
}
