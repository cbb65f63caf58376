/** Finds ports of this machine's loopback address to listen on. */
import { once } from "node:events";
import { createServer } from "node:net";

/** Everything the local stack starts listens here and nowhere else. */
export const LOOPBACK = "127.0.0.1";

/** A port that nobody listens on. Somebody may take it before its user does, if rarely. */
export async function freePort(): Promise<number> {
  const port = await tryPort(0);
  if (port === undefined) throw new Error(`${LOOPBACK} has no free port.`);
  return port;
}

export async function isPortFree(port: number): Promise<boolean> {
  return (await tryPort(port)) !== undefined;
}

/** Listens for a moment on `port`, 0 for any, and gives the port; undefined if that failed. */
async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(port, LOOPBACK);
    await once(server, "listening");
  } catch {
    // Taken, or below 1024 and not ours to use: either way not a port for us.
    return undefined;
  }
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" ? address?.port : undefined;
}
