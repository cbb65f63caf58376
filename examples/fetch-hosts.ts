/**
 * The allow-list of `page.fetch`. A job's payload comes from whoever may dispatch; which hosts this
 * machine will talk to on their behalf is the operator's decision alone.
 */

/** A host that may be fetched from; without a port, only on the scheme's own. */
export interface FetchHost {
  readonly hostname: string;
  readonly port: string | undefined;
}

/**
 * Reads a comma-separated list of `host` or `host:port`. An empty list allows nothing.
 * Throws on an entry that is neither, so that a slip shows at start and not at the first job.
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
  // Anything beyond host and port (a path, credentials, a scheme) would be dropped in silence.
  if (parsed === null || /[/?#@\\]/.test(entry)) {
    throw new Error(
      `SIGNALBOX_FETCH_HOSTS: expected host or host:port, such as example.org:8080, got "${entry}".`,
    );
  }
  // Read from the text, because a URL forgets a port that is its scheme's own.
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
