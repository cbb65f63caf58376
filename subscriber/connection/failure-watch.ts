/** Tells why Redis cannot be reached: once for each reason until it is reached, not once for each attempt. */
import {
  describeConnectFailure,
  explainConnectFailure,
} from "../../protocol/redis/connect-failure.ts";
import type { SubscriberEvents } from "../events.ts";
import { readAddress } from "./ioredis.ts";

/** See `createFailureWatch`. */
export interface FailureWatch {
  /** Takes an `error` event of the connection. */
  failed(error: Error): void;
  /** Call when the connection is ready. */
  reached(): void;
}

/** What a watch is given. */
export interface FailureWatchOptions {
  /** That of the connection. */
  readonly url: string;
  readonly events: SubscriberEvents;
  /** Called with a failure that repetition does not mend. @default it is told like any other, and tried again */
  readonly onFinal?: (text: string) => void;
}

/** Creates the watch of one connection. */
export function createFailureWatch(options: FailureWatchOptions): FailureWatch {
  const { url, events, onFinal } = options;
  const told = new Set<string>();
  return {
    failed(error) {
      const failure = explainConnectFailure(error, readAddress(url));
      const { isFinal, ...fields } = failure;
      if (told.has(fields.reason)) return;
      told.add(fields.reason);
      if (isFinal && onFinal !== undefined) onFinal(describeConnectFailure(failure));
      else events.emit("redis:unreachable", fields);
    },
    reached() {
      told.clear();
    },
  };
}
