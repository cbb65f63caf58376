/** Handlers for subscriber processes; `gate` ends when the test's gate server lets it. */
import type { RunContext } from "../../protocol/catalog.ts";
import type { Json } from "../../protocol/json.ts";

interface GatePayload {
  readonly url: string;
  /** Whether to go on after the signal was aborted. */
  readonly deaf?: boolean;
}

export const handlers = {
  echo: (payload: Json): Json => payload,

  gate: async (payload: GatePayload, { id, node, attempt, signal }: RunContext): Promise<Json> => {
    const response = await fetch(payload.url, {
      method: "POST",
      body: JSON.stringify({ id, node, attempt, pid: process.pid }),
      ...(payload.deaf === true ? {} : { signal }),
    });
    return { said: await response.text(), pid: process.pid };
  },
};
