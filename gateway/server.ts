/** The HTTP server: authorises requests, dispatches on their form, and writes the responses. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { admitConnections } from "./admission.ts";
import { readBody } from "./body.ts";
import { commandFromJson, commandFromParts, commandsFromJson } from "./command.ts";
import { errorJson } from "./encoding.ts";
import { type Answer, execute, executeAll } from "./execute.ts";
import { formatOf } from "./format.ts";
import type { GatewayLog } from "./log.ts";
import { parseTarget, type Target } from "./path.ts";
import { type Backend, connectBackend } from "./redis.ts";
import { Refusal } from "./refusal.ts";
import { streamMessages } from "./subscribe.ts";
import { bearerToken, tokenCheck } from "./token.ts";

export interface GatewayOptions {
  /** `redis://` or `rediss://`, with user, password and database if needed. */
  readonly redisUrl: string;
  /** The token of callers, in `Authorization: Bearer …` or `?_token=`. */
  readonly token: string;
  /** 0 takes any free port. @default 0 */
  readonly port?: number;
  /** @default "127.0.0.1" */
  readonly host?: string;
  /** The largest body of a request, in bytes. @default 10_485_760 */
  readonly maxBodyBytes?: number;
  /** How long Redis may take to answer, in milliseconds, before it counts as lost. @default 10_000 */
  readonly redisTimeoutMs?: number;
  /** How often an event stream gets a heartbeat, in milliseconds. @default 30_000 */
  readonly heartbeatMs?: number;
  /** @default no log */
  readonly log?: GatewayLog;
}

export interface Gateway {
  /** For example `http://127.0.0.1:8079`. */
  readonly url: string;
  readonly port: number;
  /** Ends event streams, gives running requests two seconds to finish, then closes everything. */
  close(): Promise<void>;
}

/** Upstash's own limit for one request. */
export const DEFAULT_MAX_BODY_BYTES = 10 * 1024 * 1024;
const METHODS = ["HEAD", "GET", "POST", "PUT"];
const MAX_STREAMS = 1_000;
const CLOSE_GRACE_MS = 2_000;
const SERVER_LIMITS = {
  /** Arguments may come in the path. */
  maxHeaderSize: 64 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  /** How often these two are looked at. */
  connectionsCheckingInterval: 1_000,
  /** Longer than clients keep idle connections, so that the server never closes one that is about to be used. */
  keepAliveTimeout: 75_000,
};

/** Resolves once the server listens, even if Redis cannot be reached: see `redis.ts`. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { host = "127.0.0.1", port = 0, log = { info: silent, warn: silent } } = options;
  const connection = {
    redisUrl: options.redisUrl,
    redisTimeoutMs: options.redisTimeoutMs ?? 10_000,
  };
  const streams = new Set<AbortController>();
  const endStreams = () => {
    for (const control of streams) control.abort();
  };
  const backend = await connectBackend(connection, log, endStreams);
  const isToken = tokenCheck(options.token);

  const server = createServer(SERVER_LIMITS, (request, response) => {
    respond(request, response).catch((error: unknown) => {
      const { status, message } = refusalFrom(error, log);
      if (response.headersSent) response.destroy();
      else send(response, { status, body: errorJson(message) });
    });
  });
  const admission = admitConnections(server);

  let answers = 0;
  function send(response: ServerResponse, { status, body }: Answer): void {
    answers += 1;
    const bytes = Buffer.from(body);
    response.writeHead(status, {
      "content-type": Buffer.isBuffer(body) ? "application/octet-stream" : "application/json",
      "content-length": bytes.length,
      // A sync token for read-your-writes; with a single Redis no read is stale.
      "upstash-sync-token": answers.toString(36),
      // A kept-alive connection would keep a closing server from ending.
      ...(!server.listening && { connection: "close" }),
    });
    response.end(bytes);
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!METHODS.includes(request.method ?? "")) {
      response.setHeader("allow", METHODS.join(", "));
      throw new Refusal(405, "ERR method not allowed; use HEAD, GET, POST or PUT");
    }
    const target = parseTarget(request.url ?? "/");
    if (!isToken(target.token ?? bearerToken(request.headers.authorization))) {
      throw new Refusal(401, "WRONGPASS invalid or missing auth token");
    }
    admission.trust(request.socket);
    const kind = target.segments[0]?.toString().toLowerCase();
    if (kind === "subscribe" || kind === "psubscribe") {
      // The body is ignored, but if it stayed unread the end of the caller would not be noticed.
      request.resume();
      await stream(kind, target, response);
    } else {
      const hasBody = request.method === "POST" || request.method === "PUT";
      const maxBytes = options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
      const body = hasBody ? await readBody(request, maxBytes) : Buffer.alloc(0);
      send(response, await answer(backend, request, target, body));
    }
  }

  async function stream(kind: "subscribe" | "psubscribe", target: Target, out: ServerResponse) {
    const names = target.segments.slice(1);
    if (names.length === 0) throw new Refusal(400, `ERR wrong number of arguments for '${kind}'`);
    if (target.query.length > 0) {
      throw new Refusal(400, "ERR a question mark in a channel or pattern is written %3F");
    }
    if (streams.size >= MAX_STREAMS) {
      throw new Refusal(503, "ERR max concurrent connections exceeded");
    }
    const control = new AbortController();
    streams.add(control);
    const { heartbeatMs = 30_000 } = options;
    const subscription = { ...connection, kind, names, heartbeatMs };
    await streamMessages(subscription, out, control.signal).finally(() => streams.delete(control));
  }

  const bound = await new Promise<AddressInfo>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      resolve(server.address() as AddressInfo);
    });
  }).catch((error: unknown) => {
    backend.close();
    throw error;
  });

  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    endStreams();
    const cutOff = setTimeout(() => {
      server.closeAllConnections();
    }, CLOSE_GRACE_MS);
    await new Promise((resolve) => server.close(resolve));
    clearTimeout(cutOff);
    backend.close();
  }

  const name = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  return {
    url: `http://${name}:${bound.port}`,
    port: bound.port,
    close: () => (closing ??= close()),
  };
}

/** Handles the request forms that end with one response. */
function answer(
  backend: Backend,
  request: IncomingMessage,
  { segments, query }: Target,
  body: Buffer,
): Promise<Answer> {
  const format = formatOf(request.headers);
  const route = segments.length === 1 ? segments[0]?.toString() : undefined;
  if (segments.length === 0) return execute(backend, commandFromJson(body), format);
  if (route === "pipeline" || route === "multi-exec") {
    return executeAll(backend, route, commandsFromJson(body), format);
  }
  const value = body.length === 0 ? [] : [body];
  return execute(backend, commandFromParts([...segments, ...value, ...query]), format);
}

function refusalFrom(error: unknown, log: GatewayLog): Pick<Refusal, "status" | "message"> {
  if (error instanceof Refusal) return error;
  log.warn({ err: error }, "request failed");
  return { status: 500, message: "ERR internal error" };
}

function silent(): void {
  // No log is configured.
}
