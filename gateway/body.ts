/** Reads a request's body into memory, up to a limit. */
import type { IncomingMessage } from "node:http";
import { Refusal } from "./refusal.ts";

/**
 * Beyond the limit the rest is received and dropped: a caller whose connection breaks while it sends
 * would not see the refusal, and would send everything again.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes, `${announced} bytes`);

  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else reject(tooLarge(maxBytes, "more than that"));
  });
  request.once("end", () => {
    resolve(Buffer.concat(chunks));
  });
  const broken = () => {
    reject(new Refusal(400, "ERR the request ended before its body was complete"));
  };
  request.once("error", broken);
  request.once("close", broken);
  return promise;
}

function tooLarge(limit: number, actual: string): Refusal {
  return new Refusal(
    413,
    `ERR max request size exceeded. Limit: ${limit} bytes, Actual: ${actual}`,
  );
}
