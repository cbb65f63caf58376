/** A TCP link between two parts that can fail in the ways in which networks fail. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * - `pass`: everything passes.
 * - `hold`: nothing passes; everything arrives late, once the link passes again.
 * - `hole`: everything is lost, neither end notices, and these connections never work again (half-open).
 * - `refuse`: connections are cut, new ones immediately.
 * - `drop`: requests arrive; the connection is cut when the answer comes, which is lost.
 * - `error`: each HTTP request is answered with 500 and goes no further.
 */
export type Flow = "pass" | "hold" | "hole" | "refuse" | "drop" | "error";

/** Which connections to Redis are affected: the subscribing ones, the others, or all. */
export type Scope = "all" | "subscription" | "commands";

export interface Link extends AsyncDisposable {
  readonly port: number;
  /** Sets the mode of existing and new connections. */
  readonly disturb: (flow: Flow, scope?: Scope) => void;
  readonly heal: () => void;
  /** Cuts existing connections; new ones work. */
  readonly cut: (scope?: Scope) => void;
}

interface Wire {
  readonly near: Socket;
  readonly far: Socket;
  isSubscription: boolean;
  isDead: boolean;
  /** The data that is held back, in order. */
  readonly held: { readonly to: Socket; readonly bytes: Buffer }[];
}

const refusal =
  "HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n" +
  "connection: close\r\n\r\nnot now";

/** Listens on a new port and forwards connections to `targetPort`, both on 127.0.0.1. */
export async function startLink(targetPort: number): Promise<Link> {
  const wires = new Set<Wire>();
  let flow: Flow = "pass";
  let scope: Scope = "all";

  const covers = (wire: Wire, which: Scope) =>
    which === "all" || wire.isSubscription === (which === "subscription");
  const flowOf = (wire: Wire): Flow => (covers(wire, scope) ? flow : "pass");

  function drop(wire: Wire): void {
    wires.delete(wire);
    wire.near.destroy();
    wire.far.destroy();
  }

  function onBytes(wire: Wire, from: Socket, bytes: Buffer): void {
    const isAsking = from === wire.near;
    if (isAsking && bytes.includes("\r\nsubscribe\r\n")) wire.isSubscription = true;
    if (wire.isDead) return;
    const to = isAsking ? wire.far : wire.near;
    switch (flowOf(wire)) {
      case "pass":
        to.write(bytes);
        return;
      case "hold":
        wire.held.push({ to, bytes });
        return;
      case "hole":
        wire.isDead = true;
        return;
      case "refuse":
        drop(wire);
        return;
      case "drop":
        if (isAsking) to.write(bytes);
        else drop(wire);
        return;
      case "error":
        wire.isDead = true;
        if (isAsking) wire.near.end(refusal);
        else drop(wire);
    }
  }

  const server = createServer((near) => {
    near.on("error", () => undefined);
    if (flow === "refuse" && scope === "all") {
      near.destroy();
      return;
    }
    const far = connect(targetPort, "127.0.0.1");
    const wire: Wire = { near, far, isSubscription: false, isDead: false, held: [] };
    wires.add(wire);
    for (const end of [near, far]) {
      end.setNoDelay(true);
      end.on("error", () => undefined);
      end.on("data", (bytes: Buffer) => {
        onBytes(wire, end, bytes);
      });
      end.on("close", () => {
        // On a dead or held link neither end learns that the other has gone; see `heal`.
        const isSilent = (wire.isDead && flow !== "error") || flowOf(wire) === "hold";
        if (!isSilent) drop(wire);
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  function release(wire: Wire): void {
    for (const { to, bytes } of wire.held.splice(0)) to.write(bytes);
    if (!wire.isDead && (wire.near.destroyed || wire.far.destroyed)) drop(wire);
  }

  const cut = (which: Scope = "all") => {
    for (const wire of [...wires]) if (covers(wire, which)) drop(wire);
  };

  return {
    port,
    cut,
    disturb: (next, which = "all") => {
      flow = next;
      scope = which;
      if (next === "refuse") cut(which);
      // Idle connections too.
      if (next === "hole") {
        for (const wire of wires) if (covers(wire, which)) wire.isDead = true;
      }
    },
    heal: () => {
      flow = "pass";
      scope = "all";
      wires.forEach(release);
    },
    [Symbol.asyncDispose]: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
