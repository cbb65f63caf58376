/** Where messages go that cannot be read, or are refused: a bounded stream in Redis, and an event for the log. */
import { deadLettersKey, type Naming } from "../../protocol/redis/keys.ts";
import type { RedisPort } from "../../protocol/redis/port.ts";
import type { SubscriberEvents } from "../events.ts";

/** How many are kept, and how many bytes of each. */
const maxKept = 1_000;
const maxBytes = 2_048;

/** See `createDeadLetters`. */
export type DeadLetters = ReturnType<typeof createDeadLetters>;

/** Creates the sink. Keeping a dead letter may fail with Redis; the event is emitted all the same. */
export function createDeadLetters(redis: RedisPort, naming: Naming, events: SubscriberEvents) {
  return (
    channel: string,
    bytes: Buffer,
    reason: string,
    event: "message:unreadable" | "message:refused" = "message:unreadable",
  ): void => {
    const sample = bytes.subarray(0, maxBytes).toString("base64");
    events.emit(event, {
      channel,
      reason,
      sample: bytes.subarray(0, 80).toString("latin1"),
    });
    const key = deadLettersKey(naming);
    const fields = [
      "channel",
      channel.slice(0, 200),
      "reason",
      reason,
      "bytes",
      String(bytes.length),
      "base64",
      sample,
    ];
    redis
      .send([{ command: ["XADD", key, "MAXLEN", "~", String(maxKept), "*", ...fields] }])
      .catch(() => undefined);
  };
}
