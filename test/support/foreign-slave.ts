/**
 * A peer that knows nothing of Signalbox: RESP on raw sockets, no Redis client. It subscribes,
 * echoes and publishes bare strings, as the original's threads did.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** One connection that speaks as much RESP as `SUBSCRIBE` and `PUBLISH` need. */
async function openPeer(port: number, onReply: (reply: readonly string[]) => void) {
  const socket: Socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  let bytes = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (let read = readReply(bytes, 0); read !== null; read = readReply(bytes, 0)) {
      bytes = bytes.subarray(read.end);
      onReply(read.reply);
    }
  });
  return {
    send: (...words: readonly (string | Buffer)[]) => {
      const parts = words.flatMap((word) => [
        Buffer.from(`$${Buffer.byteLength(word)}\r\n`),
        Buffer.from(word),
        Buffer.from("\r\n"),
      ]);
      socket.write(Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...parts]));
    },
    close: async () => {
      socket.destroy();
      if (!socket.closed) await once(socket, "close");
    },
  };
}

/** The reply that begins at `at`, flattened to its strings; null if it is not complete yet. */
function readReply(bytes: Buffer, at: number): { reply: string[]; end: number } | null {
  const lineEnd = bytes.indexOf("\r\n", at);
  if (lineEnd < 0) return null;
  const line = bytes.toString("utf8", at + 1, lineEnd);
  const type = String.fromCharCode(bytes[at] ?? 0);
  const next = lineEnd + 2;
  if (type === "$") {
    const end = next + Number(line);
    return end + 2 > bytes.length
      ? null
      : { reply: [bytes.toString("utf8", next, end)], end: end + 2 };
  }
  if (type !== "*") return { reply: [line], end: next };
  const reply: string[] = [];
  let end = next;
  for (let count = Number(line); count > 0; count--) {
    const item = readReply(bytes, end);
    if (item === null) return null;
    reply.push(...item.reply);
    end = item.end;
  }
  return { reply, end };
}

export interface Listening extends AsyncDisposable {
  /** Every text that arrived, in order. */
  readonly heard: readonly string[];
}

/** Subscribes and calls `onMessage` with each text; resolves once subscribed. */
export async function listenRaw(
  port: number,
  channels: readonly string[],
  onMessage: (text: string) => void = () => undefined,
): Promise<Listening> {
  const heard: string[] = [];
  let pending = channels.length;
  let ready: () => void = () => undefined;
  const subscribed = new Promise<void>((resolve) => (ready = resolve));
  const peer = await openPeer(port, ([kind, , text = ""]) => {
    if (kind === "subscribe" && --pending === 0) ready();
    if (kind !== "message") return;
    heard.push(text);
    onMessage(text);
  });
  peer.send("SUBSCRIBE", ...channels);
  await subscribed;
  return { heard, [Symbol.asyncDispose]: peer.close };
}

export interface Publishing extends AsyncDisposable {
  /** Resolves to the number of receivers. */
  readonly publish: (channel: string, text: string | Buffer) => Promise<number>;
}

export async function publishRaw(port: number): Promise<Publishing> {
  const waiting: ((count: number) => void)[] = [];
  const peer = await openPeer(port, ([count]) => waiting.shift()?.(Number(count)));
  return {
    publish: (channel, text) => {
      peer.send("PUBLISH", channel, text);
      return new Promise((resolve) => waiting.push(resolve));
    },
    [Symbol.asyncDispose]: peer.close,
  };
}

/** The original's slave: sends whatever arrives on the node's channel back to `CHANNEL_RESULT`. */
export async function startForeignSlave(port: number, node: string): Promise<Listening> {
  const publisher = await publishRaw(port);
  const listening = await listenRaw(port, [`CHANNEL_DISPATCH_${node}`], (text) => {
    void publisher.publish("CHANNEL_RESULT", text);
  });
  return {
    heard: listening.heard,
    [Symbol.asyncDispose]: async () => {
      await listening[Symbol.asyncDispose]();
      await publisher[Symbol.asyncDispose]();
    },
  };
}
