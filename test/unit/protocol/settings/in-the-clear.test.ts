import { expect, test } from "vitest";
import { isInTheClear } from "../../../../protocol/settings/in-the-clear.ts";

test.each([
  "http://signalbox.example/v1/results",
  "http://10.0.0.5:8079",
  "http://gateway:8079",
  "HTTP://Host.Example",
  "http://[2001:db8::1]/",
  "http://localhost.example",
  "http://127.0.0.1.example",
  "http://128.0.0.1",
])("%s can be read on the way", (url) => {
  expect(isInTheClear(url)).toBe(true);
});

test.each([
  "https://signalbox.example/v1/results",
  "http://127.0.0.1:8787",
  "http://127.9.9.9",
  "http://0x7f.1",
  "http://localhost:8787",
  "http://LOCALHOST.",
  "http://app.localhost",
  "http://[::1]:8787",
  "http://[::ffff:127.0.0.1]",
  "redis://host",
  "no URL",
  "",
])("%j cannot", (url) => {
  expect(isInTheClear(url)).toBe(false);
});
