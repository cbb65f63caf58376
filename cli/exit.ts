/** The exit codes of `signalbox`, and which error leads to which. */
import { CommanderError } from "commander";
import { SignalboxApiError } from "../client/error.ts";
import { SignalboxError } from "../protocol/error.ts";

/** Documented in docs/cli.md; scripts rely on them. */
export const exitCodes = {
  done: 0,
  /** The job failed, the API refused, or the doctor found something. */
  failed: 1,
  /** The command line or the settings are invalid. */
  usage: 2,
  /** No answer, or not in time. */
  unreachable: 3,
} as const;

/** The command line or the environment is invalid. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** An error as `--json` shows it. */
export interface ShownError {
  readonly code: string;
  readonly detail: string;
  readonly exitCode: number;
}

const unreachable: readonly string[] = ["network_failed", "timed_out", "redis_unavailable"];

/** Translates any error into what the caller of the program sees. */
export function shownError(error: unknown): ShownError {
  if (error instanceof CommanderError) {
    const exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    return { code: "usage", detail: error.message.replace(/^error: /, ""), exitCode };
  }
  if (error instanceof UsageError)
    return { code: "usage", detail: error.message, exitCode: exitCodes.usage };
  if (error instanceof SignalboxApiError) {
    const exitCode = unreachable.includes(error.code) ? exitCodes.unreachable : exitCodes.failed;
    return { code: error.code, detail: error.detail, exitCode };
  }
  if (error instanceof SignalboxError) {
    const exitCode = error.code === "config_invalid" ? exitCodes.usage : exitCodes.failed;
    return { code: error.code, detail: error.message, exitCode };
  }
  const detail = error instanceof Error ? error.message : String(error);
  return { code: "internal", detail, exitCode: exitCodes.failed };
}
