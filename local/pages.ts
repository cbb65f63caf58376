/** Serves the pages of the demonstration, so that `page.fetch` works offline. */
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { LOOPBACK } from "./ports.ts";
import type { Supervisor } from "./supervisor.ts";

export interface Pages {
  /** `host:port`, as SIGNALBOX_FETCH_HOSTS takes it. */
  readonly host: string;
  /** The URL of every page. */
  readonly urls: readonly string[];
}

/** @param directory the folder of the pages; only files that exist at the start are served */
export async function startPages(supervisor: Supervisor, directory: string): Promise<Pages> {
  const pages = await readPages(directory);
  const server = createServer((request, response) => {
    const page = pages.get(request.url ?? "");
    if (page === undefined) {
      response.writeHead(404, { "content-type": "text/plain" }).end("No such page.\n");
      return;
    }
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
  });
  server.listen(0, LOOPBACK);
  await once(server, "listening");
  const stop = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  supervisor.own({ name: "pages", stop });

  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("The pages have no port.");
  const host = `${LOOPBACK}:${address.port}`;
  return { host, urls: [...pages.keys()].map((path) => `http://${host}${path}`) };
}

async function readPages(directory: string): Promise<ReadonlyMap<string, Buffer>> {
  const pages = new Map<string, Buffer>();
  for (const name of (await readdir(directory)).sort()) {
    if (name.endsWith(".html")) pages.set(`/${name}`, await readFile(join(directory, name)));
  }
  return pages;
}
