/** The environment as options, every problem reported at once. Values are never quoted. */
import { DEFAULT_MAX_BODY_BYTES, type GatewayOptions } from "./server.ts";

export type Parsed =
  | { readonly ok: true; readonly options: GatewayOptions }
  | { readonly ok: false; readonly problems: readonly string[] };

const MIN_TOKEN_LENGTH = 16;

/** A variable that is set to nothing counts as not set. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Parsed {
  const problems: string[] = [];
  const text = (name: string) => (env[name] === "" ? undefined : env[name]);
  const redisUrl = text("REDIS_URL") ?? "redis://127.0.0.1:6379";
  const token = text("UPSTASH_REDIS_REST_TOKEN") ?? "";

  if (!/^rediss?:$/.test(URL.parse(redisUrl)?.protocol ?? "")) {
    problems.push("REDIS_URL must be a URL that begins with redis:// or rediss://");
  }
  if (!/^[\x21-\x7e]+$/.test(token) || token.length < MIN_TOKEN_LENGTH) {
    problems.push(
      `UPSTASH_REDIS_REST_TOKEN must be set to at least ${MIN_TOKEN_LENGTH} characters without ` +
        "spaces; `openssl rand -hex 24` makes one",
    );
  }

  function whole(name: string, fallback: number, max: number): number {
    const value = Number(text(name) ?? fallback);
    if (Number.isInteger(value) && value >= 0 && value <= max) return value;
    problems.push(`${name} must be a whole number from 0 to ${max}`);
    return fallback;
  }
  const port = whole("PORT", 8079, 65_535);
  const maxBodyBytes = whole("GATEWAY_MAX_BODY_BYTES", DEFAULT_MAX_BODY_BYTES, 512 * 1024 * 1024);
  const host = text("HOST") ?? "127.0.0.1";

  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, options: { redisUrl, token, port, host, maxBodyBytes } };
}
