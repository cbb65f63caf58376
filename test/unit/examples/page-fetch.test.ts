/** The job `page.fetch` against a real HTTP server. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, it } from "vitest";
import { catalog } from "../../../examples/catalog.ts";
import { parseFetchHosts } from "../../../examples/fetch-hosts.ts";
import { createPageFetch } from "../../../examples/page-fetch.ts";

const HOME = `<!doctype html><title> A &amp;
  B </title><body><svg><title>drawing</title></svg>
  <a href="/two#part">2</a> <a href="two">2 again</a> <a href="https://example.org/x?a=1&amp;b=2">x</a>
  <a href="mailto:a@b.c">mail</a> <a href="http://[">broken</a> <a>no address</a>`;

/** Set by a test that needs to observe the server from inside. */
let onSlow: (closed: Promise<unknown>) => void = () => undefined;

const routes: Readonly<Record<string, RequestListener>> = {
  "/": (_, response) => response.setHeader("content-type", "text/html").end(HOME),
  "/based": (_, response) =>
    response
      .setHeader("content-type", "text/html; charset=nonsense")
      .end(`<base href="/deep/"><base href="/no/"><title></title><area href="a"><a href="b">`),
  "/latin": (_, response) =>
    response
      .setHeader("content-type", 'Text/HTML; charset="ISO-8859-1"')
      .end(Buffer.from([...Buffer.from("<title>caf"), 0xe9, ...Buffer.from("</title>")])),
  "/many": (_, response) =>
    response
      .setHeader("content-type", "text/html")
      .end(Array.from({ length: 150 }, (_, n) => `<a href="/n/${n}">`).join("")),
  "/data": (_, response) =>
    response.setHeader("content-type", "application/json").end('{"a":"<title>no</title>"}'),
  "/untyped": (_, response) => response.end("<title>no</title>"),
  "/missing": (_, response) =>
    response.setHeader("content-type", "text/html").writeHead(404).end("<title>Not here</title>"),
  "/busy": (_, response) => response.writeHead(503).end("later"),
  "/limited": (_, response) => response.writeHead(429).end("later"),
  "/hop1": (_, response) => response.writeHead(301, { location: "/hop2" }).end("moved"),
  "/hop2": (_, response) => response.writeHead(307, { location: "/" }).end(),
  "/away": (_, response) => response.writeHead(302, { location: "http://example.org/" }).end(),
  "/file": (_, response) => response.writeHead(302, { location: "file:///etc/hostname" }).end(),
  "/garbled": (_, response) => response.writeHead(302, { location: "http://[" }).end(),
  "/nowhere": (_, response) => response.writeHead(302).end("no location"),
  "/round": (_, response) => response.writeHead(302, { location: "/round" }).end(),
  "/large": (_, response) => response.end(Buffer.alloc(5_000)),
  "/slow": (_, response) => {
    onSlow(once(response, "close"));
    response.write("<title>never ends");
  },
};

let server: Server;
let origin: string;
let host: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    routes[request.url ?? ""]?.(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  origin = `http://${host}`;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

interface Settings {
  readonly hosts?: string;
  readonly maxBytes?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

function fetchPage(path: string, settings: Settings = {}) {
  const { hosts = host, signal = new AbortController().signal, ...options } = settings;
  const pageFetch = createPageFetch({ hosts: parseFetchHosts(hosts), ...options });
  return pageFetch({ url: URL.parse(path, origin)?.href ?? path }, { signal });
}

describe("page.fetch", () => {
  it("gives status, title, links, size and digest, as the catalogue says", async ({ expect }) => {
    const page = await fetchPage("/");
    expect(page).toEqual({
      url: `${origin}/`,
      status: 200,
      title: "A & B",
      links: [`${origin}/two`, "https://example.org/x?a=1&b=2"],
      bytes: HOME.length,
      sha256: createHash("sha256").update(HOME).digest("hex"),
    });
    expect(catalog["page.fetch"].result.parse(page)).toEqual(page);
  });

  it("resolves links against the first <base>, and has no title for an empty one", async ({
    expect,
  }) => {
    const page = await fetchPage("/based");
    expect(page.links).toEqual([`${origin}/deep/a`, `${origin}/deep/b`]);
    expect(page.title).toBe("");
  });

  it("decodes the charset that the server names", async ({ expect }) => {
    expect((await fetchPage("/latin")).title).toBe("café");
  });

  it("stops at 100 links", async ({ expect }) => {
    expect((await fetchPage("/many")).links).toHaveLength(100);
  });

  it.for(["/data", "/untyped"])("does not read %s as HTML", async (path, { expect }) => {
    const page = await fetchPage(path);
    expect(page).toMatchObject({ status: 200, title: null, links: [] });
    expect(page.bytes).toBeGreaterThan(0);
  });

  it("counts a page that is not there as a result", async ({ expect }) => {
    await expect(fetchPage("/missing")).resolves.toMatchObject({ status: 404, title: "Not here" });
  });

  it("follows redirects within the allowed hosts", async ({ expect }) => {
    await expect(fetchPage("/hop1")).resolves.toMatchObject({ url: `${origin}/`, title: "A & B" });
  });

  it("takes a redirect to nowhere for the answer", async ({ expect }) => {
    await expect(fetchPage("/nowhere")).resolves.toMatchObject({ status: 302, title: null });
  });

  const final = { retryable: false };
  const passing = { retryable: true };
  const failures: readonly (readonly [string, string, Settings, object])[] = [
    ["any host while none is allowed", "/", { hosts: "" }, { code: "fetch_not_allowed", ...final }],
    ["another host", "http://example.org/", {}, { code: "fetch_not_allowed", ...final }],
    ["another port", "/", { hosts: "127.0.0.1" }, { code: "fetch_not_allowed", ...final }],
    ["another scheme", "ftp://127.0.0.1/", {}, { code: "fetch_not_allowed", ...final }],
    ["credentials", "http://u:p@HOST/", {}, { code: "fetch_not_allowed", ...final }],
    ["a redirect to another host", "/away", {}, { code: "fetch_not_allowed", ...final }],
    ["a redirect to a file", "/file", {}, { code: "fetch_not_allowed", ...final }],
    ["a redirect to no URL", "/garbled", {}, { code: "bad_redirect", ...final }],
    ["a redirect in circles", "/round", {}, { code: "too_many_redirects", ...final }],
    ["too large a page", "/large", { maxBytes: 4_999 }, { code: "page_too_large", ...final }],
    ["a page too slow", "/slow", { timeoutMs: 50 }, { code: "fetch_timeout", ...passing }],
    ["a busy server", "/busy", {}, { code: "bad_status", ...passing }],
    ["a server that limits", "/limited", {}, { code: "bad_status", ...passing }],
  ];
  it.for(failures)("refuses %s", async ([, path, settings, error], { expect }) => {
    const target = path.replace("HOST", host);
    await expect(fetchPage(target, settings)).rejects.toMatchObject(error);
  });

  it("accepts a page of exactly the limit", async ({ expect }) => {
    await expect(fetchPage("/large", { maxBytes: 5_000 })).resolves.toMatchObject({ bytes: 5_000 });
  });

  it("reports that the host did not answer, and why", async ({ expect }) => {
    const gone = createServer().listen(0, "127.0.0.1");
    await once(gone, "listening");
    const hosts = `127.0.0.1:${(gone.address() as AddressInfo).port}`;
    gone.close();
    await once(gone, "close");
    const outcome = fetchPage(`http://${hosts}/`, { hosts });
    await expect(outcome).rejects.toMatchObject({ code: "fetch_failed", retryable: true });
    await expect(outcome).rejects.toThrow("ECONNREFUSED");
  });

  it("ends the transfer when the job is aborted, and gives the reason back", async ({ expect }) => {
    const controller = new AbortController();
    const reason = new Error("lease lost");
    const closed = new Promise((resolve) => {
      onSlow = (close) => {
        resolve(close);
        controller.abort(reason);
      };
    });
    await expect(fetchPage("/slow", { signal: controller.signal })).rejects.toBe(reason);
    await closed;
  });
});
