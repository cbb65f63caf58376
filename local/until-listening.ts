/** Waits for the log line by which the programs of Signalbox report that they are ready. */
import type { Child } from "./child.ts";
import { parseLogEntry } from "./log-line.ts";

type LogEntry = Readonly<Record<string, unknown>>;

/** Resolves to the log entry whose message is "listening". */
export function untilListening(child: Child, signal: AbortSignal): Promise<LogEntry> {
  const { promise, resolve, reject } = Promise.withResolvers<LogEntry>();
  const abort = (): void => {
    reject(new Error(`Nobody waits for ${child.name} any more.`, { cause: signal.reason }));
  };
  signal.addEventListener("abort", abort, { once: true });
  child.onLine((line) => {
    const entry = parseLogEntry(line);
    if (entry?.["msg"] !== "listening") return;
    signal.removeEventListener("abort", abort);
    resolve(entry);
  });
  return promise;
}
