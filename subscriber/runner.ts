/** Runs one attempt: payload check, handler, time-out, result check → how it ended. Never throws. */
import type { Catalog, JobLog, RunContext, Schema } from "../protocol/catalog.ts";
import type { Envelope, Failure } from "../protocol/codec.ts";
import { failureOf, maxMessage } from "./failure-of.ts";
import { failureCodes } from "../protocol/failure.ts";
import type { Json } from "../protocol/json.ts";

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
  readonly controller: AbortController;
  readonly log: JobLog;
  /** Called if the handler still runs after its signal was aborted and its slot freed. */
  readonly onDeaf: () => void;
}

/** Runs the handler of `envelope.name`. */
export async function runAttempt(envelope: Envelope, options: RunOptions): Promise<Outcome> {
  const { module, controller, log } = options;
  const handler = Object.hasOwn(module.handlers, envelope.name)
    ? module.handlers[envelope.name]
    : undefined;
  if (handler === undefined) {
    return fail("no_handler", `this node has no handler named ${envelope.name}`);
  }
  const definition = module.catalog?.[envelope.name];
  const timeoutMs = envelope.timeoutMs ?? definition?.timeoutMs ?? defaultTimeoutMs;
  const timer = setTimeout(() => {
    controller.abort("timeout" satisfies AbortCause);
  }, timeoutMs);
  const stopped = whenAborted(controller.signal, timeoutMs);
  const work = (async (): Promise<Outcome> => {
    const payload = await check(definition?.payload, envelope.payload, "payload");
    if (!payload.ok) return payload.outcome;
    const { id, name, queue, node, attempt } = envelope;
    const context = { id, name, queue, node, attempt, signal: controller.signal, log };
    const value = await handler(payload.value, context);
    const result = await check(definition?.result, value, "result");
    if (!result.ok) return result.outcome;
    return { kind: "done", value: (result.value ?? null) as Json };
  })().catch(describe);
  const outcome = await Promise.race([work, stopped.outcome]);
  clearTimeout(timer);
  stopped.release();
  if (stopped.happened()) void noticeDeafness(work, options.onDeaf);
  return outcome;
}

/** A handler gets one second to obey before it is reported. */
async function noticeDeafness(work: Promise<unknown>, onDeaf: () => void): Promise<void> {
  const timer = setTimeout(onDeaf, 1_000);
  timer.unref();
  await work;
  clearTimeout(timer);
}

function whenAborted(signal: AbortSignal, timeoutMs: number) {
  let happened = false;
  let stop: () => void = () => undefined;
  const outcome = new Promise<Outcome>((resolve) => {
    stop = () => {
      happened = true;
      const cause = signal.reason as AbortCause;
      if (cause === "timeout")
        resolve(fail("timeout", `the handler took longer than ${timeoutMs} ms`));
      else resolve({ kind: cause === "cancelled" ? "cancelled" : "released" });
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  return {
    outcome,
    happened: () => happened,
    release: () => {
      signal.removeEventListener("abort", stop);
    },
  };
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
