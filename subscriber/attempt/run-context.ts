/** What a handler is given beside its payload. */
import type { JobLog, RunContext } from "../../protocol/wire/catalog.ts";
import type { Envelope } from "../../protocol/wire/messages.ts";
import type { Json } from "../../protocol/wire/json.ts";
import { scheduledRun } from "../../protocol/schedule/schedule.ts";

/** What the context takes from whoever runs the attempt. */
export interface ContextOptions {
  readonly log: JobLog;
  readonly progress: (value: Json) => void;
  /** Called when the handler first asks for its signal, and each time after. */
  readonly signal: () => AbortSignal;
}

const ask = Symbol("ask for the signal");

/**
 * One for all contexts: a getter in an object literal gives each object a shape of its own, which V8 keeps until a full
 * collection, and all that the attempt held with it. Scavenges took 22 ms in place of 0.2. It is the object's own
 * and can be listed, so that a handler may copy its context or wrap it.
 */
const signalProperty: PropertyDescriptor & ThisType<Pick<Asked, typeof ask>> = {
  enumerable: true,
  get() {
    return this[ask]();
  },
};

interface Asked extends Omit<RunContext, "signal"> {
  readonly [ask]: () => AbortSignal;
}

/** Creates the context of one attempt. */
export function createContext(
  envelope: Envelope,
  { log, progress, signal }: ContextOptions,
): RunContext {
  const { id, name, queue, node, attempt, schedule } = envelope;
  const asked: Asked =
    schedule === undefined
      ? { id, name, queue, node, attempt, log, progress, [ask]: signal }
      : {
          ...{ id, name, queue, node, attempt, log, progress, [ask]: signal },
          schedule: scheduledRun(schedule),
        };
  return Object.defineProperty(asked, "signal", signalProperty) as Asked & RunContext;
}
