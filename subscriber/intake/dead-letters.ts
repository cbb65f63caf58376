/** Where messages go that cannot be read, or are refused: a bounded stream in Redis, and an event for the log. */
import { deadLettersKey, type Naming } from "../../protocol/redis/keys.ts";
import type { RedisPort } from "../../protocol/redis/port.ts";
import type { SubscriberEvents } from "../events.ts";

/** About how many are kept, and how many bytes of each. */
const maxKept = 1_000;
const maxBytes = 2_048;
/** How many bytes of each the event shows. */
const sampleBytes = 80;

/** See `createDeadLetters`. Redis may fail to keep a letter; its event is emitted all the same. Never throws. */
export interface DeadLetters {
  /** Keeps a message that could not be read, or is not for the node that it came to. */
  keepUnreadable(channel: string, bytes: Buffer, reason: string): void;
  /** Keeps a message that could be read and may not be run. */
  keepRefused(channel: string, bytes: Buffer, reason: string): void;
}

/** What is read of the subscriber. */
export interface DeadLettersContext {
  readonly redis: RedisPort;
  readonly naming: Naming;
  readonly events: SubscriberEvents;
}

/** Creates them. */
export function createDeadLetters({ redis, naming, events }: DeadLettersContext): DeadLetters {
  const key = deadLettersKey(naming);
  const add = ["XADD", key, "MAXLEN", "~", String(maxKept), "*"] as const;

  function store(channel: string, bytes: Buffer, reason: string): void {
    const fields = {
      channel: channel.slice(0, 200),
      reason,
      bytes: String(bytes.length),
      base64: bytes.subarray(0, maxBytes).toString("base64"),
    };
    redis.send([{ command: [...add, ...Object.entries(fields).flat()] }]).catch(() => undefined); // its event has told of it
  }

  const sampleOf = (bytes: Buffer) => bytes.subarray(0, sampleBytes).toString("latin1");

  return {
    keepUnreadable(channel, bytes, reason) {
      events.emit("message:unreadable", { channel, reason, sample: sampleOf(bytes) });
      store(channel, bytes, reason);
    },
    keepRefused(channel, bytes, reason) {
      events.emit("message:refused", { channel, reason, sample: sampleOf(bytes) });
      store(channel, bytes, reason);
    },
  };
}
