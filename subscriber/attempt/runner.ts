/** Runs one attempt: payload check, handler, time-out, result check → how it ended. Never rejects. */
import type { Catalog, JobLog, RunContext, Schema } from "../../protocol/wire/catalog.ts";
import type { Envelope, Failure } from "../../protocol/wire/messages.ts";
import { failureOf, maxMessage } from "./failure-of.ts";
import { failureCodes } from "../../protocol/wire/failure.ts";
import type { Json } from "../../protocol/wire/json.ts";
import type { JobVerifier } from "../../protocol/signing/job.ts";
import { createContext } from "./run-context.ts";

/** A handler as the runner calls it; its types were checked where the module was written. */
export type Handler = (payload: unknown, context: RunContext) => unknown;

/** The user's module. */
export interface HandlerModule {
  readonly handlers: Readonly<Record<string, Handler>>;
  readonly catalog: Catalog | undefined;
}

/** How an attempt ended. */
export type Outcome =
  | { readonly kind: "done"; readonly value: Json }
  | { readonly kind: "failed"; readonly failure: Failure }
  /** The function asked to cancel the job, and the handler was told to stop. */
  | { readonly kind: "cancelled" }
  /** Told to stop by the subscriber: the job is given back. */
  | { readonly kind: "released" };

/** Why a handler's signal was aborted. */
export type AbortCause = "timeout" | "cancelled" | "lease_lost" | "shutdown";

/** @default for jobs and catalogue entries that set none, in milliseconds */
export const defaultTimeoutMs = 60_000;

/** What an attempt runs with. */
export interface RunOptions {
  readonly module: HandlerModule;
  readonly log: JobLog;
  /** Whether the job may run: `null`, or why not. Everything may if absent. */
  readonly verify?: JobVerifier | undefined;
  /** The handler's `progress`. */
  readonly progress: (value: Json) => void;
  /** Called if the handler still runs a second after its signal was aborted and its slot freed. */
  readonly onUnresponsive: () => void;
}

/** An attempt under way. */
export interface Run {
  readonly outcome: Promise<Outcome>;
  /** Aborts the handler's signal and ends the attempt, whether the handler obeys or not; the first cause counts. */
  readonly abort: (cause: AbortCause) => void;
}

/**
 * Starts the handler of `envelope.name`. The signal is made when the handler first asks for it: most
 * short handlers never do, and it costs more than all the rest.
 */
export function startAttempt(
  envelope: Envelope,
  { module, log, progress, onUnresponsive, verify }: RunOptions,
): Run {
  const definition = module.catalog?.[envelope.name];
  const timeoutMs = envelope.timeoutMs ?? definition?.timeoutMs ?? defaultTimeoutMs;
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
    ...{ log, progress },
    signal: () => {
      controller ??= new AbortController();
      if (cause !== undefined) controller.abort(cause);
      return controller.signal;
    },
  });

  async function startVerified(): Promise<Outcome> {
    const refusal = await verify?.(envelope);
    if (typeof refusal === "string") return fail("signature_refused", refusal);
    return hasEnded ? { kind: "released" } : start(); // told to stop meanwhile
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
  const definition = catalog?.[name];
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
async function noticeUnresponsive(work: Promise<unknown>, onDeaf: () => void): Promise<void> {
  const timer = setTimeout(onDeaf, 1_000);
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
  const path =
    Array.isArray(issue?.path) && issue.path.length > 0 ? ` at ${issue.path.join(".")}` : "";
  const message = `the ${what} does not match the catalogue${path}: ${issue?.message ?? ""}`;
  return { ok: false, outcome: fail(`${what}_invalid`, message) };
}

function describe(thrown: unknown): Outcome {
  return { kind: "failed", failure: failureOf(thrown) };
}

function fail(code: keyof typeof failureCodes, message: string): Outcome {
  const retryable = failureCodes[code];
  return { kind: "failed", failure: { code, message: message.slice(0, maxMessage), retryable } };
}
