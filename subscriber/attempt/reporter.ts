/**
 * Batches what one attempt reports and sends it at a bounded rate, however much the handler says: the latest progress,
 * the first lines of each second, and how many lines were dropped. An attempt that reports nothing sends nothing.
 */
import { type Json, jsonProblem, jsonProblemText } from "../../protocol/wire/json.ts";
import { omitUndefined } from "../../protocol/wire/omit-undefined.ts";
import {
  maxProgressBytes,
  maxReportBytes,
  maxReportLines,
  type Report,
  type ReportLine,
} from "../../protocol/wire/report.ts";
import type { LogFields } from "./log-line.ts";

/** How long the first report waits for more, in milliseconds, so that a short attempt makes one report. */
const firstMs = 200;
/** The least time between two reports, in milliseconds. */
const intervalMs = 1_000;
const maxMessageChars = 500;
const maxFieldsBytes = 1_024;

/** A report without the fields that the attempt's envelope gives. */
export type ReportContent = Omit<Report, "attempt" | "node" | "token">;

/** What a reporter is given. */
export interface ReporterOptions {
  /** Resolves to false if the lease is lost: then nothing more is sent. Rejects if the report may not have arrived. */
  readonly send: (content: ReportContent) => Promise<boolean>;
  /** Called once, at the first progress value that JSON would change or cannot write, or that is too large: why. */
  readonly onUnfit: (reason: string) => void;
}

/** See `createReporter`. No method throws. */
export interface Reporter {
  /** Reports a value, in place of one that has not been sent. It is copied; one that JSON would change is ignored. */
  progress(value: unknown): void;
  /** Reports a log line, or counts it as dropped if the report is full. */
  line(level: ReportLine["level"], fields: LogFields, message: string): void;
  /**
   * Sends what is left, in one report, and takes no more. Resolves when it was sent or could not be; undefined if
   * nothing is left to send or await.
   */
  end(): Promise<void> | undefined;
  /** Drops what has not been sent, and takes no more. */
  close(): void;
}

/** Creates the reporter of one attempt. */
export function createReporter({ send, onUnfit }: ReporterOptions): Reporter {
  /** As JSON text: the handler may change the value after the call. */
  let progress: string | undefined;
  let hasMoved = false;
  let lines: ReportLine[] = [];
  let lineBytes = 0;
  let dropped = 0;
  let isUnfit = false;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let lastAt = -Infinity;

  function arm(): void {
    if (isClosed || timer !== undefined || sending !== undefined) return;
    const inMs = Math.max(firstMs, lastAt + intervalMs - performance.now());
    timer = setTimeout(flush, inMs);
  }

  function take(): ReportContent {
    const content = omitUndefined({
      progress: progress === undefined ? undefined : (JSON.parse(progress) as Json),
      moved: hasMoved ? (true as const) : undefined,
      lines: lines.length === 0 ? undefined : lines,
      dropped: dropped === 0 ? undefined : dropped,
    });
    [hasMoved, lines, lineBytes, dropped] = [false, [], 0, 0];
    return content;
  }

  function flush(): void {
    timer = undefined;
    lastAt = performance.now();
    const content = take();
    sending = send(content)
      .then(
        (isHeld) => {
          if (!isHeld) close();
        },
        () => {
          // Redis may have it: if it were sent again, its lines would appear twice.
          dropped += (content.lines?.length ?? 0) + (content.dropped ?? 0);
          hasMoved ||= content.moved === true;
        },
      )
      .finally(() => {
        sending = undefined;
        if (isPending()) arm();
      });
  }

  function isPending(): boolean {
    return hasMoved || lines.length > 0 || dropped > 0;
  }

  function close(): void {
    isClosed = true;
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    progress(value) {
      if (isClosed) return;
      const [text, reason] = progressText(value);
      if (text === undefined) {
        if (!isUnfit) onUnfit(reason);
        isUnfit = true;
        return;
      }
      progress = text;
      hasMoved = true;
      arm();
    },

    line(level, fields, message) {
      if (isClosed) return;
      const line = lines.length < maxReportLines ? bounded(level, fields, message) : undefined;
      const bytes = line === undefined ? 0 : Buffer.byteLength(JSON.stringify(line));
      if (line === undefined || lineBytes + bytes > maxReportBytes) dropped++;
      else {
        lines.push(line);
        lineBytes += bytes;
      }
      arm();
    },

    end() {
      clearTimeout(timer);
      timer = undefined;
      if (isClosed || (!isPending() && sending === undefined)) {
        close();
        return undefined;
      }
      const before = sending;
      isClosed = true;
      return (async () => {
        await before;
        if (!isPending()) return;
        flush();
        await sending;
      })();
    },

    close,
  };
}

function textOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** A progress value as JSON, or why it is not published. */
function progressText(value: unknown): readonly [text: string] | readonly [undefined, string] {
  const problem = jsonProblem(value);
  if (problem !== null) return [undefined, jsonProblemText(problem, "progress")];
  const text = textOf(value);
  if (text === undefined) return [undefined, "progress: expected JSON"];
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxProgressBytes) return [text];
  return [undefined, `progress: expected up to ${maxProgressBytes} bytes as JSON, got ${bytes}`];
}

/** Cuts a line to its bounds; `cut` says so. */
function bounded(level: ReportLine["level"], fields: LogFields, message: string): ReportLine {
  const text = textOf(fields);
  const isTooLarge = text === undefined || Buffer.byteLength(text) > maxFieldsBytes;
  const isCut = isTooLarge || message.length > maxMessageChars;
  return omitUndefined({
    level,
    message: message.slice(0, maxMessageChars).toWellFormed(),
    fields:
      isTooLarge || text === "{}"
        ? undefined
        : (JSON.parse(text) as Readonly<Record<string, Json>>),
    cut: isCut ? (true as const) : undefined,
  });
}
