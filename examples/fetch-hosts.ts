/**
 * The allow-list of `page.fetch`. Any caller that may dispatch chooses the payload of a job; which
 * hosts this machine connects to is the operator's decision.
 */

/** A host that may be fetched from; without a port, only the default port of the scheme. */
export interface FetchHost {
  readonly hostname: string;
  readonly port: string | undefined;
}

/**
 * Reads a comma-separated list of `host` or `host:port`. An empty list allows nothing.
 * Throws on any other entry, so that a mistake shows at the start and not at the first job.
 */
export function parseFetchHosts(list: string): readonly FetchHost[] {
  return list
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map(parseFetchHost);
}

function parseFetchHost(entry: string): FetchHost {
  const parsed = URL.parse(`http://${entry}`);
  // Anything but host and port (a path, credentials, a scheme) would be silently dropped.
  if (parsed === null || /[/?#@\\]/.test(entry)) {
    throw new Error(
      `SIGNALBOX_FETCH_HOSTS: expected host or host:port, such as example.org:8080, got "${entry}".`,
    );
  }
  // Read from the text, because a URL drops the default port of its scheme.
  return { hostname: parsed.hostname, port: /:(\d+)$/.exec(entry)?.[1] };
}

/** Whether `url` is http or https and on one of `hosts`. */
export function isFetchAllowed(url: URL, hosts: readonly FetchHost[]): boolean {
  const ownPort = schemePort(url);
  if (ownPort === undefined) return false;
  const port = url.port === "" ? ownPort : url.port;
  return hosts.some((host) => host.hostname === url.hostname && (host.port ?? ownPort) === port);
}

function schemePort(url: URL): string | undefined {
  if (url.protocol === "http:") return "80";
  if (url.protocol === "https:") return "443";
  return undefined;
}
