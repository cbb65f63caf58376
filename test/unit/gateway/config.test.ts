/** The settings of the gateway, and its token. */
import { describe, it } from "vitest";
import { readConfig } from "../../../gateway/config.ts";
import { bearerToken, tokenCheck } from "../../../gateway/token.ts";

const TOKEN = "0123456789abcdef";

describe("the gateway's environment", () => {
  it("needs nothing but a token", ({ expect }) => {
    expect(readConfig({ UPSTASH_REDIS_REST_TOKEN: TOKEN })).toEqual({
      ok: true,
      options: {
        redisUrl: "redis://127.0.0.1:6379",
        token: TOKEN,
        port: 8079,
        host: "127.0.0.1",
        maxBodyBytes: 10_485_760,
      },
    });
  });

  it("takes port 0 and a limit of its own", ({ expect }) => {
    const env = { UPSTASH_REDIS_REST_TOKEN: TOKEN, PORT: "0", GATEWAY_MAX_BODY_BYTES: "1024" };
    expect(readConfig(env)).toMatchObject({ options: { port: 0, maxBodyBytes: 1024 } });
  });

  it.for(["REDIS_URL", "PORT", "GATEWAY_MAX_BODY_BYTES", "HOST"])(
    "takes %s that holds nothing for not set",
    (name, { expect }) => {
      const env = { UPSTASH_REDIS_REST_TOKEN: TOKEN };
      for (const nothing of ["", " ", "\t", "\r\n"])
        expect(readConfig({ ...env, [name]: nothing })).toEqual(readConfig(env));
    },
  );

  it("reports all problems together and quotes no value", ({ expect }) => {
    const parsed = readConfig({
      REDIS_URL: "http://user:hunter2@host",
      UPSTASH_REDIS_REST_TOKEN: "too short",
      PORT: "65536",
      GATEWAY_MAX_BODY_BYTES: "1.5",
    });
    const problems = parsed.ok ? [] : parsed.problems;
    expect(problems.map((problem) => problem.split(" ")[0])).toEqual([
      "REDIS_URL",
      "UPSTASH_REDIS_REST_TOKEN",
      "PORT",
      "GATEWAY_MAX_BODY_BYTES",
    ]);
    expect(problems.join()).not.toMatch(/hunter2|too short/);
  });

  it("says how to make a token when there is none", ({ expect }) => {
    const parsed = readConfig({});
    expect(parsed.ok ? [] : parsed.problems).toEqual([expect.stringContaining("openssl rand")]);
  });
});

describe("the token", () => {
  it("is right or wrong as a whole", ({ expect }) => {
    const isToken = tokenCheck(TOKEN);
    expect(isToken(TOKEN)).toBe(true);
    for (const wrong of [undefined, "", TOKEN.slice(1), `${TOKEN}0`, TOKEN.toUpperCase()]) {
      expect(isToken(wrong)).toBe(false);
    }
  });

  it("is read from a header with or without its scheme", ({ expect }) => {
    for (const header of [`Bearer ${TOKEN}`, `bearer  ${TOKEN} `, TOKEN]) {
      expect(bearerToken(header)).toBe(TOKEN);
    }
    expect(bearerToken(undefined)).toBeUndefined();
  });
});
