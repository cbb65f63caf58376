/** The environment as options, all problems reported together. Values are never quoted. */
import * as z from "zod";
import { readRedisUrl, redisUrlRange } from "../protocol/redis/address.ts";
import { DEFAULT_MAX_BODY_BYTES, type GatewayOptions } from "./server.ts";

export type Parsed =
  | { readonly ok: true; readonly options: GatewayOptions }
  | { readonly ok: false; readonly problems: readonly string[] };

const MIN_TOKEN_LENGTH = 16;
const tokenForm =
  `must be set to at least ${MIN_TOKEN_LENGTH} characters without ` +
  "spaces; `openssl rand -hex 24` makes one";

interface WholeNumber {
  readonly max: number;
  readonly initial: number;
  readonly unit?: string;
  readonly description: string;
}

function whole({ max, initial, ...about }: WholeNumber) {
  return z
    .string()
    .transform(Number)
    .refine(
      (value) => Number.isInteger(value) && value >= 0 && value <= max,
      `must be a whole number from 0 to ${max}`,
    )
    .default(initial)
    .meta({ range: `0 to ${max.toLocaleString("en-US")}`, ...about });
}

/** The variables that the gateway reads. docs/configuration.md is generated from this. */
export const gatewaySettings = z.object({
  REDIS_URL: z
    .string()
    .superRefine((text, context) => {
      const reading = readRedisUrl(text);
      if ("problem" in reading) context.addIssue({ code: "custom", message: reading.problem });
    })
    .default("redis://127.0.0.1:6379")
    .meta({
      description: "The Redis behind the gateway, with user, password and database.",
      range: redisUrlRange,
      isSecret: true,
    }),
  UPSTASH_REDIS_REST_TOKEN: z
    .string(tokenForm)
    .refine((text) => /^[\x21-\x7e]+$/.test(text) && text.length >= MIN_TOKEN_LENGTH, tokenForm)
    .meta({
      description: "What the function shows: its `UPSTASH_REDIS_REST_TOKEN`.",
      range: `at least ${MIN_TOKEN_LENGTH} characters without spaces`,
      isSecret: true,
    }),
  PORT: whole({
    max: 65_535,
    initial: 8079,
    description: "Port to listen on; 0 takes a free one.",
  }),
  GATEWAY_MAX_BODY_BYTES: whole({
    max: 512 * 1024 * 1024,
    initial: DEFAULT_MAX_BODY_BYTES,
    unit: "bytes",
    description: "Largest body of a request.",
  }),
  HOST: z.string().default("127.0.0.1").meta({ description: "Address to listen on." }),
});

/** A variable that holds nothing, or only spaces, counts as not set, as for function and subscriber. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Parsed {
  const set = Object.entries(env).filter(([, value]) => (value ?? "").trim() !== "");
  const parsed = gatewaySettings.safeParse(Object.fromEntries(set));
  if (!parsed.success) {
    const { issues } = parsed.error;
    return {
      ok: false,
      problems: issues.map(({ path, message }) => `${path.join(".")} ${message}`),
    };
  }
  const { data } = parsed;
  return {
    ok: true,
    options: {
      redisUrl: data.REDIS_URL,
      token: data.UPSTASH_REDIS_REST_TOKEN,
      port: data.PORT,
      host: data.HOST,
      maxBodyBytes: data.GATEWAY_MAX_BODY_BYTES,
    },
  };
}
