/** Reads where a Cluster sends us. Pure. */

/** The master that has a hash slot. */
export interface Moved {
  readonly slot: number;
  /** Empty: the host that we are connected to. */
  readonly host: string;
  readonly port: number;
}

/** Reads the error reply `MOVED <slot> <host>:<port>`; null if it is another. The host may be an IPv6 address. */
export function readMoved(error: unknown): Moved | null {
  if (!(error instanceof Error)) return null;
  const [, slot, host = "", port] = /^MOVED (\d+) (.*):(\d+)$/.exec(error.message) ?? [];
  return slot === undefined ? null : { slot: Number(slot), host, port: Number(port) };
}
