import { afterEach, beforeEach, test, vi } from "vitest";
import { subscribe } from "../../../../functions/redis/subscribe.ts";

const source = { url: "http://redis.test/", token: "the-rest-token", channel: "a:CHANNEL_RESULT" };
const confirmed = "data: subscribe,a:CHANNEL_RESULT,1\n\n";
const message = (text: string) => `data: message,a:CHANNEL_RESULT,${text}\n\n`;
const never = new AbortController().signal;

const fetched = vi.fn<typeof fetch>();
beforeEach(() => {
  fetched.mockReset();
  vi.stubGlobal("fetch", fetched);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

/** Answers with a stream of `text` in pieces of `size` bytes, which then ends or stays open. */
function stream(text: string, { size = 1_000_000, ends = true, onCancel = () => undefined } = {}) {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, (at += size)));
      else if (ends) controller.close();
      else return new Promise<void>(() => undefined);
      return undefined;
    },
    cancel: onCancel,
  });
  fetched.mockResolvedValue(new Response(body));
}

test("asks for the channel as the REST API wants it", async ({ expect }) => {
  stream(confirmed);
  await subscribe(source, never);
  const [url, init] = fetched.mock.calls[0] ?? [];
  expect(url).toBe("http://redis.test/subscribe/a%3ACHANNEL_RESULT");
  expect(init).toMatchObject({
    method: "POST",
    headers: { authorization: "Bearer the-rest-token", accept: "text/event-stream" },
  });
});

test("hears of a job wherever the stream is cut into pieces", async ({ expect }) => {
  const text =
    `: welcome\n\n${confirmed}${message('{"id":"é"}')}${message("77")}` +
    message('{"v":1,"id":"7","name":"echo"}') +
    message("7") +
    message("7").replaceAll("\n", "\r\n") +
    message('{"id":"77"}');
  for (const size of [1, 2, 3, 5, 7, 11, 64, 100_000]) {
    stream(text, { size });
    const subscription = await subscribe(source, never);
    const heard = [];
    for (let at = 0; at < 4; at++) heard.push(await subscription.mentions("7"));
    expect(heard).toEqual([true, true, true, false]);
  }
});

test("keeps nothing of a message however long", async ({ expect }) => {
  stream(confirmed + message(`{"id":"8","result":"${"x".repeat(5_000_000)}"}`) + message("7"), {
    size: 65_536,
  });
  const subscription = await subscribe(source, never);
  expect(await subscription.mentions("7")).toBe(true);
});

test("close gives the stream back", async ({ expect }) => {
  const onCancel = vi.fn();
  stream(confirmed, { ends: false, onCancel });
  const subscription = await subscribe(source, never);
  const heard = subscription.mentions("7");
  await subscription.close();
  expect(await heard).toBe(false);
  expect(onCancel).toHaveBeenCalledTimes(1);
  expect(fetched.mock.calls[0]?.[1]?.signal?.aborted).toBe(true);
});

test("what cannot be subscribed is told", async ({ expect }) => {
  const answers: readonly (readonly [Response | Error, string])[] = [
    [new TypeError("fetch failed"), "redis_unavailable"],
    [new Response("data: hello\n\n"), "redis_unavailable"],
    [new Response("", { status: 503 }), "redis_unavailable"],
    [
      new Response('{"error":"ERR max concurrent connections exceeded"}', { status: 429 }),
      "redis_unavailable",
    ],
    [new Response('{"error":"WRONGPASS invalid token"}', { status: 401 }), "redis_refused"],
    [new Response("<html>", { status: 404 }), "redis_refused"],
  ];
  for (const [answer, code] of answers) {
    if (answer instanceof Error) fetched.mockRejectedValueOnce(answer);
    else fetched.mockResolvedValueOnce(answer);
    await expect(subscribe(source, never)).rejects.toMatchObject({ code });
  }
});
