/** What a handler can say while it runs: log lines and progress, into our log and to those who watch. */
import type { Logger } from "pino";
import type { JobLog } from "../../protocol/wire/catalog.ts";
import type { Envelope } from "../../protocol/wire/messages.ts";
import type { Json } from "../../protocol/wire/json.ts";
import type { NodeLedger } from "../../protocol/ledger/nodes.ts";
import type { AttemptName } from "../events.ts";
import { createReporter, type Reporter } from "./reporter.ts";
import { defaultTimeoutMs, type HandlerModule } from "./runner.ts";

/** How long reports can be read after the attempt's time is up, in milliseconds. */
const keepMs = 3_600_000;

/** What a voice is given. */
export interface JobOutputOptions {
  readonly log: Logger;
  readonly ledger: Pick<NodeLedger, "report">;
  readonly module: HandlerModule;
}

/** One attempt's log and progress. */
export interface JobOutput {
  readonly log: JobLog;
  readonly progress: (value: Json) => void;
  /** Nothing more is published; resolves when what was said is kept. Undefined if there is nothing to wait for. */
  readonly end: () => Promise<void> | undefined;
  /** Nothing more is published, and what is not yet is forgotten. */
  readonly close: () => void;
}

/** Creates the voice of one attempt. Its reporter is made when the handler first says something. */
export function createJobOutput(
  envelope: Envelope,
  { log, ledger, module }: JobOutputOptions,
): JobOutput {
  const { id, name, queue, node, attempt, token } = envelope;
  const shown = { id, name, queue, node, attempt };
  let reporter: Reporter | undefined;
  let isOver = false;

  function own(): Reporter {
    const timeoutMs = envelope.timeoutMs ?? module.catalog?.[name]?.timeoutMs ?? defaultTimeoutMs;
    return (reporter ??= createReporter({
      send: (content) =>
        ledger.report(queue, id, { attempt, node, token, ...content }, timeoutMs + keepMs),
      onUnfit: () => {
        log.warn(shown, "progress is not published: it is no JSON, or too large");
      },
    }));
  }

  return {
    log: createJobLog(log, shown, (...line) => {
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

/** Pino's child costs more than a short handler takes, and most handlers log nothing. */
export function createJobLog(
  log: Logger,
  name: Partial<AttemptName>,
  report: (...line: Parameters<Reporter["line"]>) => void = () => undefined,
): JobLog {
  let child: Logger | undefined;
  const own = () => (child ??= log.child(name));
  return {
    info: (fields, message) => {
      own().info(fields, message);
      report("info", fields, message);
    },
    warn: (fields, message) => {
      own().warn(fields, message);
      report("warn", fields, message);
    },
  };
}
