/**
 * Why a connection to Redis failed, in words for the person who can mend it: what happened, and what to do. Never a part
 * of the URL that may be a secret. Pure.
 */
import { type RedisAddress, showRedisAddress } from "./address.ts";
import { redisErrorCode, redisErrorTraits } from "./errors.ts";

/** See the head of this file. */
export interface ConnectFailure {
  /** The address without user and password. */
  readonly address: string;
  /** What happened. */
  readonly reason: string;
  /** What to do about it. */
  readonly fix: string;
  /**
   * Whether a repetition fails too, until somebody changes a setting: Redis refuses the user, the password or the
   * database, or its certificate is not valid.
   */
  readonly isFinal: boolean;
}

interface Explanation {
  readonly reason: string;
  readonly fix: string;
  readonly isFinal?: true;
}

/** Explains what a Redis client threw, or emitted as its `error` event. */
export function explainConnectFailure(error: unknown, address: RedisAddress): ConnectFailure {
  const { isFinal = false, ...said } = explain(error, address);
  return { address: showRedisAddress(address), ...said, isFinal };
}

/** One line for logs and errors. */
export function describeConnectFailure({ address, reason, fix }: ConnectFailure): string {
  return `Redis at ${address}: ${reason}; ${fix}`;
}

/** Whether the client failed to select the database; it would go on in database 0. */
export function isRefusedSelect(error: unknown): boolean {
  if (!(error instanceof Error) || !("command" in error)) return false;
  const { command } = error;
  return (
    typeof command === "object" &&
    command !== null &&
    "name" in command &&
    String(command.name).toLowerCase() === "select"
  );
}

function explain(error: unknown, address: RedisAddress): Explanation {
  const text = error instanceof Error ? error.message : String(error);
  const code = redisErrorCode(text);
  // Without a valid user everything is refused, SELECT too; while Redis cannot serve, nothing is said about the database.
  const isAboutDatabase = code === null || code === "NOPERM";
  if (isRefusedSelect(error) && isAboutDatabase && !redisErrorTraits(text).isTransient) {
    return explainSelect(text, address);
  }
  return (
    explainCode(codeOf(error), address) ??
    explainReply(text) ?? {
      reason: `the connection failed (${codeOf(error) || shortened(text)})`,
      fix: "check the address and that the server runs",
    }
  );
}

function explainSelect(text: string, { db }: RedisAddress): Explanation {
  const reason = `database ${db} cannot be selected (${shortened(text)})`;
  const fix = /NOPERM|permission/.test(text)
    ? "give its user +select, as `signalbox keys acl` does for a URL with a database, or use database 0"
    : /cluster/i.test(text)
      ? "take the database out of the URL: a Cluster has only 0"
      : "correct the number after the host, or raise `databases` in redis.conf";
  return { reason, fix, isFinal: true };
}

/** Codes of the system and of TLS. */
function explainCode(code: string, { at, isTls }: RedisAddress): Explanation | undefined {
  if (isCertificateCode(code)) {
    const fix =
      "give the server a certificate for this name, or its authority to this machine (NODE_EXTRA_CA_CERTS)";
    return { reason: `its certificate is not valid (${code})`, fix, isFinal: true };
  }
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "EPROTO" || code.startsWith("ERR_SSL_")) {
    const fix = "begin the URL with redis:// for a port without TLS";
    return { reason: `it does not speak TLS there (${code})`, fix };
  }
  const reasons: Readonly<Record<string, Explanation>> = {
    ECONNREFUSED: {
      reason: "nothing listens there (ECONNREFUSED)",
      fix: "start the server, or correct host and port",
    },
    ENOENT: {
      reason: "there is no such socket (ENOENT)",
      fix: "start the server, or correct the path",
    },
    EACCES: {
      reason: "the socket may not be used (EACCES)",
      fix: "give this user the right to write to it",
    },
    ENOTFOUND: { reason: "its name is not known (ENOTFOUND)", fix: "correct the host" },
    EAI_AGAIN: {
      reason: "its name cannot be looked up now (EAI_AGAIN)",
      fix: "check the host and this machine's DNS",
    },
    ETIMEDOUT: {
      reason: "it does not answer in time (ETIMEDOUT)",
      fix: isTls
        ? "check host, port and firewall, and that this port speaks TLS"
        : "check host, port and firewall",
    },
    ECONNRESET: {
      reason: "it ended the connection (ECONNRESET)",
      fix:
        isTls || at.kind === "socket"
          ? "check the port"
          : "begin the URL with rediss:// if the port needs TLS",
    },
    EHOSTUNREACH: {
      reason: "its network cannot be reached (EHOSTUNREACH)",
      fix: "check the host and this machine's network",
    },
    ENETUNREACH: {
      reason: "its network cannot be reached (ENETUNREACH)",
      fix: "check the host and this machine's network",
    },
  };
  return Object.hasOwn(reasons, code) ? reasons[code] : undefined;
}

/** Replies of Redis, and of what is no Redis. */
function explainReply(text: string): Explanation | undefined {
  const code = redisErrorCode(text);
  if (code === "WRONGPASS" || /invalid (?:username-password|password)/i.test(text)) {
    return {
      reason: "it refuses user or password (WRONGPASS)",
      fix: "correct them: redis://user:password@host",
      isFinal: true,
    };
  }
  if (code === "NOAUTH") {
    return {
      reason: "it needs user and password (NOAUTH)",
      fix: "put them into the URL: redis://user:password@host",
      isFinal: true,
    };
  }
  if (code === "NOPERM") {
    return {
      reason: "its user lacks a right (NOPERM)",
      fix: "give it the rules that `signalbox keys acl` prints",
      isFinal: true,
    };
  }
  if (text.startsWith("DENIED")) {
    return {
      reason: "it is in protected mode (DENIED)",
      fix: "give it a password, and the URL too",
    };
  }
  if (code !== null) return { reason: shortened(text), fix: "wait, or see the server's log" };
  if (/max number of clients/i.test(text)) {
    return {
      reason: "it has too many connections (max number of clients)",
      fix: "raise maxclients, or close some",
    };
  }
  if (/RESP|protocol|Please report this/i.test(text)) {
    const fix = "check the port: it may be an HTTP server, or need TLS (rediss://)";
    return { reason: "what answers there is not Redis", fix };
  }
  return undefined;
}

/** Node's codes of a certificate that is refused. */
function isCertificateCode(code: string): boolean {
  return (
    /CERT|SELF_SIGNED|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|PATH_LENGTH_EXCEEDED/.test(
      code,
    ) && !code.startsWith("ERR_SSL_")
  );
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  // A name with several addresses fails with an AggregateError, whose message is empty.
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

/** The first words of a message, in one line. */
function shortened(text: string): string {
  return text.slice(0, 120).replaceAll(/[^\x20-\x7e]+/g, " ");
}
