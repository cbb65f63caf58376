/** Which addresses are reached without encryption over a network: what is sent there, tokens included, can be read on the way. */

/**
 * Whether `url` is `http` to another machine. Loopback addresses and names of this machine are not: nothing leaves it.
 * Pure; false for text that is no URL.
 */
export function isInTheClear(url: string): boolean {
  const { protocol, hostname } = URL.parse(url) ?? { protocol: "", hostname: "" };
  return protocol === "http:" && !isThisMachine(hostname);
}

/** As `URL` writes hosts: in lower case, IPv6 in brackets, IPv4 as four numbers. */
function isThisMachine(host: string): boolean {
  const name = host.replace(/\.$/, "");
  return (
    name === "localhost" ||
    name.endsWith(".localhost") ||
    /^127\.\d+\.\d+\.\d+$/.test(name) ||
    name === "[::1]" ||
    /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/.test(name)
  );
}

/** What is said of such an address; `what` names the setting and must not show its value. */
export function inTheClearWarning(setting: string, what: string): string {
  return `${setting}: ${what} to another machine over http, which anybody on the way can read; use https`;
}
