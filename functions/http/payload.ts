/** How large a payload is, and the refusal of one that is too large. */
import { SignalboxError } from "../../protocol/error.ts";

/** Bytes of `text` in UTF-8; exact only where they may exceed `limit`: a UTF-16 unit takes three at most. */
export function utf8Bytes(text: string, limit: number): number {
  return text.length * 3 <= limit ? text.length : new TextEncoder().encode(text).byteLength;
}

/** The refusal; `what` names the payload, as in `of JSON for schedule nightly`. */
export function payloadTooLarge(maxBytes: number, what: string): SignalboxError {
  return new SignalboxError(
    "payload_too_large",
    `expected a payload of at most ${maxBytes} bytes ${what}; ` +
      "put large data where the handler can fetch it, and its address into the payload",
  );
}
