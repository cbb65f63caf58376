/**
 * Gathers what one attempt reports and sends it at a bounded rate, whatever the handler does: the latest
 * progress, the first lines of each second, and how many were left out. Nothing is sent of an attempt
 * that reports nothing.
 */
import type { JobLog } from "../../protocol/wire/catalog.ts";
import type { Json } from "../../protocol/wire/json.ts";
import {
  maxProgressBytes,
  maxReportBytes,
  maxReportLines,
  type Report,
  type ReportLine,
} from "../../protocol/wire/report.ts";

/** From the first thing reported to its sending: so that a short attempt is one report. */
const firstMs = 200;
/** From one sending to the next, at least. */
const intervalMs = 1_000;
const maxMessageChars = 500;
const maxFieldsBytes = 1_024;

/** A report without what the attempt's envelope tells. */
export type ReportContent = Omit<Report, "attempt" | "node" | "token">;

/** What a reporter is given. */
export interface ReporterOptions {
  /** False: the lease is lost, and nothing more need be sent. @throws if it could not be sent */
  readonly send: (content: ReportContent) => Promise<boolean>;
  /** Told once of a progress value that is no JSON, or too large. */
  readonly onUnfit: () => void;
}

/** See `createReporter`. */
export type Reporter = ReturnType<typeof createReporter>;

/** Creates the reporter of one attempt. */
export function createReporter({ send, onUnfit }: ReporterOptions) {
  /** JSON text: the value may be changed by its owner after the call. */
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
    const content = {
      ...(progress === undefined ? {} : { progress: JSON.parse(progress) as Json }),
      ...(hasMoved ? { moved: true as const } : {}),
      ...(lines.length === 0 ? {} : { lines }),
      ...(dropped === 0 ? {} : { dropped }),
    };
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
          // It may have been kept: sent again, its lines would be told twice.
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

  /** Forgets what is not sent, and takes no more. */
  function close(): void {
    isClosed = true;
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    progress(value: Json): void {
      if (isClosed) return;
      const text = textOf(value);
      if (text === undefined || Buffer.byteLength(text) > maxProgressBytes) {
        if (!isUnfit) onUnfit();
        isUnfit = true;
        return;
      }
      progress = text;
      hasMoved = true;
      arm();
    },

    line(level: ReportLine["level"], ...[fields, message]: Parameters<JobLog["info"]>): void {
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

    /** Sends what is left, in one report, and takes no more; undefined where nothing is left to send or await. */
    end(): Promise<void> | undefined {
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

function bounded(
  level: ReportLine["level"],
  fields: Readonly<Record<string, Json>>,
  message: string | undefined,
): ReportLine {
  const text = textOf(fields);
  const isTooLarge = text === undefined || Buffer.byteLength(text) > maxFieldsBytes;
  const said = message ?? "";
  return {
    level,
    message: said.slice(0, maxMessageChars),
    ...(isTooLarge || text === "{}" ? {} : { fields: JSON.parse(text) as typeof fields }),
    ...(isTooLarge || said.length > maxMessageChars ? { cut: true as const } : {}),
  };
}
