/** A callback that checks signatures with the reference library and answers as it is told. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import type { ResultMessage } from "../../protocol/wire/messages.ts";
import { until } from "./until.ts";

/** `drop`: does the work, then closes the connection without an answer. */
export type Manner = "ok" | "error" | "hang" | "drop";

export interface Delivered {
  readonly queue: string;
  readonly entry: string;
  readonly results: readonly ResultMessage[];
}

export interface CallbackServer extends AsyncDisposable {
  readonly url: string;
  readonly secret: string;
  /** Every request, refused ones too, in order. */
  readonly requests: readonly {
    readonly manner: Manner;
    readonly deliveries: readonly Delivered[];
  }[];
  /** Results of the requests that were accepted, with or without an answer. */
  readonly results: () => readonly ResultMessage[];
  readonly behave: (manner: Manner) => void;
  /** Resolves when `count` requests have come. */
  readonly came: (count: number) => Promise<void>;
  readonly port: number;
}

export interface CallbackOptions {
  /** Called with what is accepted, as the function takes it out of the ledger's outbox. */
  readonly onDeliveries?: (deliveries: readonly Delivered[]) => Promise<unknown>;
  readonly port?: number;
}

export async function startCallback(options: CallbackOptions = {}): Promise<CallbackServer> {
  const { onDeliveries = () => Promise.resolve(), port: wanted = 0 } = options;
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  const webhook = new Webhook(secret);
  const requests: { manner: Manner; deliveries: readonly Delivered[] }[] = [];
  let manner: Manner = "ok";

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
    const now = manner;
    webhook.verify(body, request.headers as Record<string, string>);
    const { deliveries } = JSON.parse(body) as { deliveries: readonly Delivered[] };
    requests.push({ manner: now, deliveries });
    if (now === "ok" || now === "drop") await onDeliveries(deliveries);
    if (now === "ok") response.end(JSON.stringify({ recorded: deliveries.length }));
    if (now === "error") response.writeHead(500).end("not now");
    if (now === "drop") response.destroy();
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      response.writeHead(400).end(String(error));
    });
  });
  server.listen(wanted, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    secret,
    requests,
    port,
    url: `http://127.0.0.1:${port}/v1/results`,
    results: () =>
      requests
        .filter((each) => each.manner === "ok" || each.manner === "drop")
        .flatMap((each) => each.deliveries.flatMap(({ results }) => results)),
    behave: (next) => {
      manner = next;
    },
    came: (count) =>
      until(() => requests.length >= count, {
        or: () => `${requests.length} of ${count} requests of the callback`,
      }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
