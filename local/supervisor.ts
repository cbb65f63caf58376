/**
 * Owns what the local stack is made of: starts one part after the other and ends all of them in
 * the opposite order. Knows nothing of what the parts are.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Child, type ChildSpec, type Exit, startChild } from "./child.ts";
import { readable } from "./log-line.ts";

/** Something that runs until told otherwise. */
export interface Part {
  readonly name: string;
  stop(): Promise<void>;
  /** Ends it now, without waiting. */
  kill?(): void;
}

export interface ServiceSpec<Ready> extends ChildSpec {
  /** Resolves when the service can be used; `signal` aborts when there is no point in waiting. */
  readonly ready: (child: Child, signal: AbortSignal) => Promise<Ready>;
  /** How long that may take, in milliseconds. */
  readonly readyWithinMs: number;
  /**
   * For a service that can fail without its process ending: resolves with what is wrong with it,
   * and not at all while nothing is. Rejections are ignored; `signal` aborts when it is over.
   */
  readonly watch?: (signal: AbortSignal) => Promise<string>;
  /** Shows nothing that it writes before it is ready, unless it cannot be started. @default false */
  readonly isQuietAtStart?: boolean;
  /** Lines never to be shown. */
  readonly isNoise?: (line: string) => boolean;
}

export interface Supervisor {
  /** Starts a child process and waits until it is ready; throws when it ends or dawdles instead. */
  start<Ready>(spec: ServiceSpec<Ready>): Promise<Ready>;
  /** Takes charge of a part that runs within this process. */
  own(part: Part): void;
  /** Resolves when a child that was ready ends without having been told to. */
  readonly died: Promise<Exit>;
  /** Aborts as soon as the stack is being stopped. */
  readonly signal: AbortSignal;
  /** Ends everything, the last started first. Calls after the first join it. */
  stop(): Promise<void>;
  /** Ends everything now, without waiting. */
  kill(): void;
}

/** @param print Receives every line that a child writes. */
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
    // Nothing may wait between start and own, or a stop in that moment would miss the child.
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

/** Says which part failed, how, and what it said last. */
export function describeExit(exit: Exit): string {
  const lines = exit.lastLines.map((line) => `  ${readable(line)}`).join("\n");
  const said = lines === "" ? "It said nothing." : `Its last lines:\n${lines}`;
  return `${exit.name} failed: ${exit.how}. ${said}`;
}

async function expire(spec: ServiceSpec<unknown>, signal: AbortSignal): Promise<never> {
  await sleep(spec.readyWithinMs, undefined, { signal });
  throw new Error(`${spec.name} was not ready within ${spec.readyWithinMs / 1_000} seconds.`);
}
