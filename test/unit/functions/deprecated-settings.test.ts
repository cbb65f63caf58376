import { test, vi } from "vitest";
import { createSignalbox } from "../../../functions/signalbox.ts";

test("an old name of a setting is logged once, when the configuration is first read", async ({
  expect,
}) => {
  const written = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const env = {
    UPSTASH_REDIS_REST_URL: "https://redis.test",
    UPSTASH_REDIS_REST_TOKEN: "the-rest-token",
    SIGNALBOX_TOKEN: "client-token-0123456789",
    SIGNALBOX_SIGNING_SECRET: `whsec_${btoa("0123456789abcdef0123456789abcdef")}`,
    SIGNALBOX_UNHEARD_MS: "10000",
  };
  const signalbox = createSignalbox();
  for (let request = 0; request < 2; request++) {
    const response = await signalbox.fetch(new Request("http://signalbox/openapi.json"), env);
    expect(response.status).toBe(200);
  }
  const lines = written.mock.calls.map(([line]) => JSON.parse(String(line)) as object);
  written.mockRestore();
  expect(lines).toEqual([
    {
      level: "warn",
      event: "config.deprecated",
      detail: expect.stringMatching(/SIGNALBOX_UNHEARD_MS.*SIGNALBOX_UNACKNOWLEDGED_MS/) as unknown,
    },
  ]);
});
