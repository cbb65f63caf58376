/**
 * Which connections the server keeps when it has as many as it takes. Those that have shown the token are kept; the one that
 * has been silent or wrong for longest gives way to a new one, so that half-open connections cannot keep others out.
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";

/** See `admitConnections`. */
export interface Admission {
  /** Call when a connection has shown the token. */
  trust(socket: Socket): void;
}

/** Most connections at one time. */
const MAX_CONNECTIONS = 4_000;

/** Bounds the connections of `server`. Where all have shown the token, a further one is ended. */
export function admitConnections(
  server: Pick<Server, "on">,
  maxConnections = MAX_CONNECTIONS,
): Admission {
  let count = 0;
  /** The connections that have not shown the token, the oldest first. */
  const untrusted = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    count++;
    untrusted.add(socket);
    socket.once("close", () => {
      count--;
      untrusted.delete(socket);
    });
    if (count <= maxConnections) return;
    const [oldest = socket] = untrusted;
    untrusted.delete(oldest);
    oldest.destroy();
  });
  return {
    trust(socket) {
      untrusted.delete(socket);
    },
  };
}
