/** Finds free ports on the loopback address. */
import { once } from "node:events";
import { createServer } from "node:net";

/** The only address on which the local stack listens. */
export const LOOPBACK = "127.0.0.1";

/** Resolves to a free port. In rare cases another process takes it before the caller does. */
export async function freePort(): Promise<number> {
  const port = await tryPort(0);
  if (port === undefined) throw new Error(`${LOOPBACK} has no free port.`);
  return port;
}

export async function isPortFree(port: number): Promise<boolean> {
  return (await tryPort(port)) !== undefined;
}

/** Listens briefly on `port`, 0 for any, and resolves to the port; undefined if that failed. */
async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(port, LOOPBACK);
    await once(server, "listening");
  } catch {
    // Taken, or below 1024 and not permitted: either way not usable.
    return undefined;
  }
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" ? address?.port : undefined;
}
