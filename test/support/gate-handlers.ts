/** Handlers for subscriber processes; `gate` ends when the test's gate server lets it go on. */
import type { RunContext } from "../../protocol/wire/catalog.ts";
import type { Json } from "../../protocol/wire/json.ts";

interface GatePayload {
  readonly url: string;
  /** Whether to go on after the signal was aborted. */
  readonly ignoresSignal?: boolean;
}

async function gate(
  payload: GatePayload,
  { id, node, attempt, signal }: RunContext,
): Promise<Json> {
  const response = await fetch(payload.url, {
    method: "POST",
    body: JSON.stringify({ id, node, attempt, pid: process.pid }),
    ...(payload.ignoresSignal === true ? {} : { signal }),
  });
  return { said: await response.text(), pid: process.pid };
}

export const handlers = {
  echo: (payload: Json): Json => payload,

  gate,

  /** Reports something before and after the gate. */
  reporting: async (payload: GatePayload, context: RunContext): Promise<Json> => {
    context.log.info({ attempt: context.attempt }, "begun");
    context.progress(0.5);
    const result = await gate(payload, context);
    context.progress(1);
    context.log.info({ attempt: context.attempt }, "done");
    return result;
  },
};
