/** What a handler says while it runs, log lines and progress: written to the subscriber's log, and published. */
import type { Logger } from "pino";
import type { NodeLedger } from "../../protocol/ledger/nodes.ts";
import type { JobLog, LogCall } from "../../protocol/wire/catalog.ts";
import type { Json } from "../../protocol/wire/json.ts";
import type { Envelope } from "../../protocol/wire/messages.ts";
import type { AttemptName } from "../events.ts";
import { nameOf } from "./attempts.ts";
import { readLogLine } from "./log-line.ts";
import { createReporter, type Reporter } from "./reporter.ts";
import { type HandlerModule, timeoutOf } from "./runner.ts";

/** How long reports can be read after the attempt's time is up, in milliseconds. */
const keepMs = 3_600_000;

/** What the output of an attempt is given. */
export interface JobOutputOptions {
  readonly log: Logger;
  readonly nodeLedger: Pick<NodeLedger, "report">;
  readonly module: HandlerModule;
}

/** One attempt's log and progress. */
export interface JobOutput {
  readonly log: JobLog;
  readonly progress: (value: Json) => void;
  /**
   * Publishes what is left and takes no more. Resolves when Redis has it, or could not be reached; never rejects.
   * Undefined if there is nothing to wait for, which saves most jobs a turn of the event loop.
   */
  readonly end: () => Promise<void> | undefined;
  /** Takes no more, and drops what has not been published. */
  readonly close: () => void;
}

/** Creates the output of one attempt. Its reporter is made when the handler first says something. */
export function createJobOutput(
  envelope: Envelope,
  { log, nodeLedger, module }: JobOutputOptions,
): JobOutput {
  const { id, queue, node, attempt, token } = envelope;
  const name = nameOf(envelope);
  let reporter: Reporter | undefined;
  let isOver = false;

  function own(): Reporter {
    return (reporter ??= createReporter({
      send: (content) =>
        nodeLedger.report(
          queue,
          id,
          { attempt, node, token, ...content },
          timeoutOf(envelope, module) + keepMs,
        ),
      onUnfit: (reason) => {
        log.warn({ ...name, reason }, "progress is not published");
      },
    }));
  }

  return {
    log: createJobLog(log, name, (...line) => {
      if (!isOver) own().line(...line);
    }),
    progress: (value) => {
      if (!isOver) own().progress(value);
    },
    end: () => {
      isOver = true;
      return reporter?.end();
    },
    close: () => {
      isOver = true;
      reporter?.close();
    },
  };
}

/** The levels of a handler's log, and as what watchers see their lines; `debug` is for the subscriber's log alone. */
const levels = { debug: undefined, info: "info", warn: "warn", error: "warn" } as const;

/**
 * The `log` of a handler: each line carries `name`. No call throws, whatever it is given: a log line must not fail a job.
 * What had to be shown as text is said once. The pino child is made with the first line: it costs more than a
 * short handler takes, and most handlers log nothing.
 * @param report Called with each line after it was written. @default not published
 */
export function createJobLog(
  log: Logger,
  name: Partial<AttemptName>,
  report: Reporter["line"] = () => undefined,
): JobLog {
  let child: Logger | undefined;
  let isToldUnfit = false;
  const own = () => (child ??= log.child(name));

  const writing =
    (level: keyof typeof levels): LogCall =>
    (...args: readonly unknown[]) => {
      try {
        const { fields, shown, message, unfit } = readLogLine(args);
        own()[level](fields, message === "" ? undefined : message);
        if (unfit !== undefined && !isToldUnfit) {
          isToldUnfit = true;
          own().warn(
            { reason: unfit },
            "a log line has a value that JSON cannot carry; shown as text",
          );
        }
        const shownAs = levels[level];
        if (shownAs !== undefined) report(shownAs, shown, message);
      } catch {
        // The destination of the log, or memory, failed: there is nowhere to say it.
      }
    };

  return {
    debug: writing("debug"),
    info: writing("info"),
    warn: writing("warn"),
    error: writing("error"),
  };
}
