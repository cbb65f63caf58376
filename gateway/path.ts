/** Parses the target of a request: `/set/key?EX=100` has a path of bytes and a query. */
import { Refusal } from "./refusal.ts";

export interface Target {
  /** Percent-decoded, as bytes; none for `/`. */
  readonly segments: readonly Buffer[];
  /** Names and values in the order given, without `_token`. A name without a value stands alone. */
  readonly query: readonly Buffer[];
  /** The token given as `_token`, the alternative to the header. */
  readonly token: string | undefined;
}

export function parseTarget(target: string): Target {
  const mark = target.indexOf("?");
  const path = mark === -1 ? target : target.slice(0, mark);
  const pairs = mark === -1 ? [] : target.slice(mark + 1).split("&");

  const query: Buffer[] = [];
  let token: string | undefined;
  for (const pair of pairs) {
    const [name = "", ...rest] = pair.split("=");
    const value = decodeBytes(rest.join("=").replaceAll("+", " "));
    if (name === "_token") token = value.toString();
    else query.push(...[decodeBytes(name.replaceAll("+", " ")), value].filter((b) => b.length > 0));
  }
  return { segments: pathSegments(path), query, token };
}

/** Ignores one slash at the end: an empty argument has to be sent in a JSON body. */
function pathSegments(path: string): Buffer[] {
  const inner = path.replace(/^\//, "").replace(/\/$/, "");
  return inner === "" ? [] : inner.split("/").map(decodeBytes);
}

/** Not `decodeURIComponent`, which requires UTF-8: keys and values may be any bytes. */
function decodeBytes(text: string): Buffer {
  const bytes = text.replace(/%(.{0,2})/g, (_all, hex: string) => {
    if (!/^[0-9a-f]{2}$/i.test(hex)) throw new Refusal(400, "ERR invalid URL escape in the path");
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
  return Buffer.from(bytes, "latin1");
}
