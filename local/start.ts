/** `npm start`. Exit codes: 2 for invalid options, otherwise see `run-stack.ts`. */
import { UsageError } from "./options.ts";
import { runStack } from "./run-stack.ts";

try {
  process.exit(await runStack(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}
