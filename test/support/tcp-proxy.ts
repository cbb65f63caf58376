/** A TCP proxy whose links can be cut, or stalled without either end being told. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  readonly links: () => number;
  /** Ends all present links at both ends. */
  readonly cut: () => void;
  /** Makes present links half-open: they stay open and pass nothing on. New ones work. */
  readonly stall: () => void;
  /** Sends new connections to another port. */
  readonly aim: (port: number) => void;
  /** Whether new connections are cut immediately. */
  readonly refuse: (isRefusing: boolean) => void;
}

interface Link {
  readonly ends: readonly [Socket, Socket];
}

/** Passes what comes to `firstPort` of the loopback address. */
export async function startTcpProxy(firstPort: number): Promise<TcpProxy> {
  let targetPort = firstPort;
  const links = new Set<Link>();
  const stalled = new Set<Link>();
  let isRefusing = false;

  function drop(link: Link): void {
    for (const end of link.ends) end.destroy();
    links.delete(link);
    stalled.delete(link);
  }

  const server = createServer((near) => {
    if (isRefusing) {
      near.destroy();
      return;
    }
    const far = connect(targetPort, "127.0.0.1");
    const link: Link = { ends: [near, far] };
    links.add(link);
    const pass = (from: Socket, to: Socket) => {
      from.on("data", (bytes) => {
        if (!stalled.has(link)) to.write(bytes);
      });
      from.on("error", () => undefined);
      from.on("close", () => {
        // A stalled link tells neither end that the other has gone.
        if (!stalled.has(link)) drop(link);
      });
    };
    pass(near, far);
    pass(far, near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    links: () => links.size - stalled.size,
    cut: () => {
      for (const link of links) drop(link);
    },
    stall: () => {
      for (const link of links) stalled.add(link);
    },
    aim: (to) => {
      targetPort = to;
    },
    refuse: (isRefusingNow) => {
      isRefusing = isRefusingNow;
    },
    [Symbol.asyncDispose]: async () => {
      for (const link of links) drop(link);
      server.close();
      await once(server, "close");
    },
  };
}
