/** Runs one attempt: signature check, payload check, handler, time-out, result check → how it ended. Never rejects. */
import type { JobVerifier } from "../../protocol/signing/job.ts";
import type { Catalog, JobLog, RunContext, Schema } from "../../protocol/wire/catalog.ts";
import { failureCodes } from "../../protocol/wire/failure.ts";
import type { Json } from "../../protocol/wire/json.ts";
import type { Envelope, Failure } from "../../protocol/wire/messages.ts";
import { failureOf, maxMessage, stackOf } from "./failure-of.ts";
import { createContext } from "./run-context.ts";

/** A handler as the runner calls it; its types were checked where the module was written. */
export type Handler = (payload: unknown, context: RunContext) => unknown;

/** The user's module. */
export interface HandlerModule {
  /** One function per job name. */
  readonly handlers: Readonly<Record<string, Handler>>;
  /** Schemas and time-outs by job name; a job without an entry is not checked. */
  readonly catalog: Catalog | undefined;
}

/** How an attempt ended. */
export type Outcome =
  | { readonly kind: "done"; readonly value: Json }
  /** `stack`: of what the handler threw, and of its causes, for the log. */
  | { readonly kind: "failed"; readonly failure: Failure; readonly stack?: string }
  /** A client cancelled the job, and the handler was told to stop. */
  | { readonly kind: "cancelled" }
  /** The subscriber told the handler to stop: the job is given back. */
  | { readonly kind: "released" };

/** Why a handler's signal was aborted. */
export type AbortCause = "timeout" | "cancelled" | "lease_lost" | "shutdown";

/** For jobs and catalogue entries that set none, in milliseconds. */
const defaultTimeoutMs = 60_000;
/** The longest that a timer can hold, 24.8 days. One that is set for longer fires immediately. */
const longestTimerMs = 2_147_483_647;

/**
 * How long a handler may run, in whole milliseconds that a timer can hold: as its job says, or its catalogue entry. A job
 * that another program wrote may say anything: what is no time to run in, such as 0, is left to the entry.
 */
export function timeoutOf({ timeoutMs, name }: Envelope, { catalog }: HandlerModule): number {
  const given = timeoutMs !== undefined && timeoutMs > 0 ? timeoutMs : undefined;
  const own = Object.hasOwn(catalog ?? {}, name) ? catalog?.[name]?.timeoutMs : undefined;
  return Math.min(longestTimerMs, Math.ceil(given ?? own ?? defaultTimeoutMs));
}

/** What an attempt runs with. */
export interface RunOptions {
  readonly module: HandlerModule;
  readonly log: JobLog;
  /** Resolves to `null` if the job may run, or to why not. @default every job may */
  readonly verify?: JobVerifier | undefined;
  /** The handler's `progress`. */
  readonly progress: (value: Json) => void;
  /** Called once if the handler still runs a second after its signal was aborted and its slot freed. */
  readonly onUnresponsive: () => void;
}

/** An attempt under way. */
export interface Run {
  /** Never rejects. */
  readonly outcome: Promise<Outcome>;
  /**
   * Aborts the handler's signal and ends the attempt, whether the handler obeys or not. The first cause counts; after
   * the end it does nothing.
   */
  readonly abort: (cause: AbortCause) => void;
}

/**
 * Starts the handler of `envelope.name`, immediately unless a signature must be checked first. Whatever the handler or a
 * schema throws becomes a failure. The `AbortSignal` is made when the handler first reads it: most short handlers
 * never do, and it costs more than all the rest.
 */
export function startAttempt(
  envelope: Envelope,
  { module, log, progress, onUnresponsive, verify }: RunOptions,
): Run {
  const timeoutMs = timeoutOf(envelope, module);
  let controller: AbortController | undefined;
  let cause: AbortCause | undefined;
  let hasEnded = false;
  let resolve: (outcome: Outcome) => void = () => undefined;
  const outcome = new Promise<Outcome>((settle) => {
    resolve = settle;
  });
  const timer = setTimeout(() => {
    abort("timeout");
  }, timeoutMs);
  const context = createContext(envelope, {
    log,
    progress,
    signal: () => {
      controller ??= new AbortController();
      if (cause !== undefined) controller.abort(cause);
      return controller.signal;
    },
  });

  async function startVerified(): Promise<Outcome> {
    const refusal = await verify?.(envelope);
    if (typeof refusal === "string") return fail("signature_refused", refusal);
    return hasEnded ? { kind: "released" } : start(); // it was told to stop meanwhile
  }

  function end(how: Outcome): void {
    hasEnded = true;
    clearTimeout(timer);
    resolve(how);
  }

  function abort(why: AbortCause): void {
    if (hasEnded) return;
    cause = why;
    controller?.abort(why);
    if (why === "timeout") end(fail("timeout", `the handler took longer than ${timeoutMs} ms`));
    else end({ kind: why === "cancelled" ? "cancelled" : "released" });
    void noticeUnresponsive(work, onUnresponsive);
  }

  const start = () => runHandler(module, envelope.payload, context);
  const work = (verify === undefined ? start() : startVerified()).catch(describe);
  void work.then((how) => {
    if (!hasEnded) end(how);
  });
  return { outcome, abort };
}

async function runHandler(
  { handlers, catalog }: HandlerModule,
  payload: unknown,
  context: RunContext,
): Promise<Outcome> {
  const { name } = context;
  const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
  if (handler === undefined) {
    return fail("no_handler", `this node has no handler named ${name}`);
  }
  const definition = Object.hasOwn(catalog ?? {}, name) ? catalog?.[name] : undefined;
  if (definition === undefined) return done(await handler(payload, context));
  const given = await check(definition.payload, payload, "payload");
  if (!given.ok) return given.outcome;
  const result = await check(definition.result, await handler(given.value, context), "result");
  return result.ok ? done(result.value) : result.outcome;
}

function done(value: unknown): Outcome {
  return { kind: "done", value: (value ?? null) as Json };
}

/** A handler gets one second to obey before it is reported. */
async function noticeUnresponsive(work: Promise<unknown>, onNotice: () => void): Promise<void> {
  const timer = setTimeout(onNotice, 1_000);
  timer.unref();
  await work;
  clearTimeout(timer);
}

async function check(
  schema: Schema<unknown> | undefined,
  value: unknown,
  what: "payload" | "result",
): Promise<{ ok: true; value: unknown } | { ok: false; outcome: Outcome }> {
  if (schema === undefined) return { ok: true, value };
  const checked = await schema["~standard"].validate(value);
  if (checked.issues === undefined) return { ok: true, value: checked.value };
  const [issue] = checked.issues;
  const keys = Array.isArray(issue?.path) ? issue.path.map(keyText) : [];
  const path = keys.length > 0 ? ` at ${keys.join(".")}` : "";
  const message = `the ${what} does not match the catalogue${path}: ${issue?.message ?? ""}`;
  return { ok: false, outcome: fail(`${what}_invalid`, message) };
}

/** A part of an issue's path: a key, or an object that has it. */
function keyText(part: unknown): string {
  return String(typeof part === "object" && part !== null && "key" in part ? part.key : part);
}

function describe(thrown: unknown): Outcome {
  const failure = failureOf(thrown);
  const stack = stackOf(thrown);
  return stack === undefined ? { kind: "failed", failure } : { kind: "failed", failure, stack };
}

function fail(code: keyof typeof failureCodes, message: string): Outcome {
  const retryable = failureCodes[code];
  return { kind: "failed", failure: { code, message: message.slice(0, maxMessage), retryable } };
}
