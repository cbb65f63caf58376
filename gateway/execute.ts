/** Runs the commands that the policy allows, and writes their outcomes in the requested format. */
import type { Command } from "./command.ts";
import { outcomeJson } from "./encoding.ts";
import type { Format } from "./format.ts";
import { refusalOf } from "./policy.ts";
import type { Backend, Outcome } from "./redis.ts";
import { Refusal, type Status } from "./refusal.ts";
import { outcomeResp2 } from "./resp2.ts";

export interface Answer {
  readonly status: 200 | Status;
  /** JSON as text, RESP2 as bytes. */
  readonly body: string | Buffer;
}

/** Runs one command. An error is a 400. */
export async function execute(backend: Backend, command: Command, format: Format): Promise<Answer> {
  const [outcome = { error: "ERR no reply" }] = await runAllowed(backend, [command]);
  const body = format === "resp2" ? outcomeResp2(outcome, command) : outcomeJson(outcome, format);
  return { status: "error" in outcome ? 400 : 200, body };
}

/**
 * Runs many commands. In a pipeline each has its own outcome; a transaction with a command that is
 * not allowed does not start. A transaction is always answered in JSON.
 */
export async function executeAll(
  backend: Backend,
  route: "pipeline" | "multi-exec",
  commands: readonly Command[],
  format: Format,
): Promise<Answer> {
  if (route === "multi-exec") {
    for (const command of commands) {
      const refusal = refusalOf(command);
      if (refusal !== undefined) throw new Refusal(400, refusal);
    }
    const outcomes = await backend.transact(commands);
    return { status: 200, body: jsonList(outcomes, format === "resp2" ? "text" : format) };
  }
  const outcomes = await runAllowed(backend, commands);
  if (format !== "resp2") return { status: 200, body: jsonList(outcomes, format) };
  const replies = commands.map((command, at) =>
    outcomeResp2(outcomes[at] ?? { error: "ERR no reply" }, command),
  );
  return { status: 200, body: Buffer.concat(replies) };
}

function jsonList(outcomes: readonly Outcome[], encoding: "text" | "base64"): string {
  return `[${outcomes.map((outcome) => outcomeJson(outcome, encoding)).join(",")}]`;
}

/** Resolves to the outcomes in the order of the commands, including those not allowed. */
async function runAllowed(backend: Backend, commands: readonly Command[]): Promise<Outcome[]> {
  const refusals = commands.map(refusalOf);
  const allowed = commands.filter((_command, at) => refusals[at] === undefined);
  const outcomes = allowed.length === 0 ? [] : await backend.run(allowed);
  let next = 0;
  return refusals.map((error) =>
    error === undefined ? (outcomes[next++] ?? { error: "ERR no reply" }) : { error },
  );
}
