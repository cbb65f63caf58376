/** A server at which handlers of other processes wait until a test lets them go on. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { until } from "./until.ts";

/** One handler that waits, or has waited. */
export interface Arrival {
  readonly id: string;
  readonly node: string;
  readonly attempt: number;
  readonly pid: number;
  readonly release: (text?: string) => void;
  /** Whether the handler went away by itself. */
  readonly hasLeft: () => boolean;
}

export interface GateServer extends AsyncDisposable {
  readonly url: string;
  readonly arrivals: readonly Arrival[];
  /** The `nth` attempt (from 1) of job `id` to arrive. */
  readonly arrival: (id: string, nth?: number) => Promise<Arrival>;
  /** Lets every handler go on, from now on. */
  readonly open: () => void;
}

export async function startGate(): Promise<GateServer> {
  const arrivals: Arrival[] = [];
  let isOpen = false;
  const server = createServer((request, response) => {
    void arrive(request, response).then((arrival) => {
      arrivals.push(arrival);
      if (isOpen) arrival.release();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    arrivals,
    arrival: async (id, nth = 1) => {
      const found = () => arrivals.filter((each) => each.id === id)[nth - 1];
      await until(() => found() !== undefined, {
        within: 20_000,
        or: () => `attempt ${nth} of ${id}; came: ${arrivals.map((each) => each.id).join(" ")}`,
      });
      return found() as Arrival;
    },
    open: () => {
      isOpen = true;
      for (const arrival of arrivals) arrival.release();
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function arrive(request: IncomingMessage, response: ServerResponse): Promise<Arrival> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  const said = JSON.parse(body) as Omit<Arrival, "release" | "hasLeft">;
  return {
    ...said,
    release: (text = "go") => {
      if (!response.writableEnded) response.end(text);
    },
    hasLeft: () => response.closed && !response.writableFinished,
  };
}
