/**
 * Owns the parts of the local stack: starts one after the other and ends them in the opposite order.
 * Knows nothing about what they are.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Child, type ChildSpec, type Exit, startChild } from "./child.ts";
import { readable } from "./log-line.ts";

/** A part that runs until it is stopped. */
export interface Part {
  readonly name: string;
  stop(): Promise<void>;
  /** Ends it immediately, without waiting. */
  kill?(): void;
}

export interface ServiceSpec<Ready> extends ChildSpec {
  /** Resolves when the service can be used; `signal` aborts when waiting has become pointless. */
  readonly ready: (child: Child, signal: AbortSignal) => Promise<Ready>;
  /** How long that may take, in milliseconds. */
  readonly readyWithinMs: number;
  /**
   * For a service that can fail while its process runs on: resolves to the problem once there is one.
   * Rejections are ignored; `signal` aborts when the service has ended.
   */
  readonly watch?: (signal: AbortSignal) => Promise<string>;
  /** Hides its output until it is ready, unless it fails to start. @default false */
  readonly isQuietAtStart?: boolean;
  /** Lines never to be shown. */
  readonly isNoise?: (line: string) => boolean;
}

export interface Supervisor {
  /** Starts a child process and resolves when it is ready; rejects if it ends or is not ready in time. */
  start<Ready>(spec: ServiceSpec<Ready>): Promise<Ready>;
  /** Takes over a part that runs within this process. */
  own(part: Part): void;
  /** Resolves when a child that was ready ends by itself. */
  readonly died: Promise<Exit>;
  /** Aborts as soon as the stack begins to stop. */
  readonly signal: AbortSignal;
  /** Ends all parts, the last started first. Later calls join the first. */
  stop(): Promise<void>;
  /** Ends all parts immediately, without waiting. */
  kill(): void;
}

/** @param print receives every line that a child writes */
export function createSupervisor(print: (name: string, line: string) => void): Supervisor {
  const parts: Part[] = [];
  const stopping = new AbortController();
  const died = Promise.withResolvers<Exit>();
  let stopped: Promise<void> | undefined;

  function own(part: Part): void {
    parts.push(part);
  }

  async function start<Ready>(spec: ServiceSpec<Ready>): Promise<Ready> {
    stopping.signal.throwIfAborted();
    // No await between start and own: a stop in between would miss the child.
    const child = startChild(spec);
    own(child);
    let isShown = spec.isQuietAtStart !== true;
    child.onLine((line) => {
      if (isShown && line.trim() !== "" && spec.isNoise?.(line) !== true) print(spec.name, line);
    });
    const waiting = new AbortController();
    const signal = AbortSignal.any([waiting.signal, stopping.signal]);
    try {
      const ready = await Promise.race([
        spec.ready(child, signal),
        child.exited.then((exit) => {
          throw new Error(`${spec.name} could not be started. ${describeExit(exit)}`);
        }),
        expire(spec, signal),
      ]);
      isShown = true;
      const end = (how: string): void => {
        if (!stopping.signal.aborted)
          died.resolve({ name: spec.name, how, lastLines: child.lastLines });
      };
      void child.exited.then(({ how }) => {
        end(how);
      });
      void spec.watch?.(stopping.signal).then(end, () => undefined);
      return ready;
    } catch (error) {
      await child.stop();
      throw error;
    } finally {
      waiting.abort();
    }
  }

  async function stopAll(): Promise<void> {
    stopping.abort(new Error("The stack is being stopped."));
    for (const part of parts.toReversed()) await part.stop();
  }

  return {
    start,
    own,
    died: died.promise,
    signal: stopping.signal,
    stop: () => (stopped ??= stopAll()),
    kill: () => {
      for (const part of parts) part.kill?.();
    },
  };
}

/** Describes which part failed, how, and its last output. */
export function describeExit(exit: Exit): string {
  const lines = exit.lastLines.map((line) => `  ${readable(line)}`).join("\n");
  const said = lines === "" ? "It said nothing." : `Its last lines:\n${lines}`;
  return `${exit.name} failed: ${exit.how}. ${said}`;
}

async function expire(spec: ServiceSpec<unknown>, signal: AbortSignal): Promise<never> {
  await sleep(spec.readyWithinMs, undefined, { signal });
  throw new Error(`${spec.name} was not ready within ${spec.readyWithinMs / 1_000} seconds.`);
}
