/** The function in its own Node process. */
import type { FunctionOptions } from "./function.ts";
import { programPath } from "./program.ts";
import type { Supervisor } from "./supervisor.ts";
import { untilListening } from "./until-listening.ts";

export interface NodeFunctionOptions extends Pick<FunctionOptions, "port" | "variables"> {
  /** Path of the Worker's module. */
  readonly app: string;
}

/** Resolves with the function's URL once it listens. */
export function startNodeFunction(
  supervisor: Supervisor,
  { app, port, variables }: NodeFunctionOptions,
): Promise<string> {
  return supervisor.start({
    name: "function",
    command: process.execPath,
    args: [programPath("local/serve")],
    cwd: process.cwd(),
    env: { ...variables, PORT: String(port), SIGNALBOX_APP: app },
    readyWithinMs: 15_000,
    ready: async (child, signal) => {
      const { url } = await untilListening(child, signal);
      if (typeof url !== "string") throw new Error("The function did not say where it listens.");
      return url;
    },
  });
}
