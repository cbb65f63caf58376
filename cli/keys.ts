/** `signalbox keys new` and `signalbox keys rotate`. What they write is secret; it goes to stdout and nowhere else. */
import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { importSigningKeys } from "../protocol/signature.ts";
import { UsageError } from "./exit.ts";
import { show } from "./output.ts";

/** The values of `SIGNALBOX_SIGNING_SECRET` while the key is exchanged. */
export interface Rotation {
  /** For the function first: signed by the old key or the new one, results are taken. */
  readonly both: string;
  /** For the subscribers next, and the function last. */
  readonly next: string;
}

/** Adds the commands. */
export function addKeyCommands(program: Command): void {
  const keys = program.command("keys").summary("make secrets");
  keys
    .command("new")
    .summary("make a signing secret and a bearer token")
    .action((_flags: unknown, command: Command) => {
      const made = { signingSecret: newSigningSecret(), token: newToken() };
      show(
        command,
        made,
        () => `SIGNALBOX_SIGNING_SECRET=${made.signingSecret}\nSIGNALBOX_TOKEN=${made.token}`,
      );
    });
  keys
    .command("rotate")
    .summary("exchange the signing secret without a gap")
    .description(
      "Makes the next signing secret and prints the steps. Reads the current one from SIGNALBOX_SIGNING_SECRET.",
    )
    .action(async (_flags: unknown, command: Command) => {
      const rotation = await rotate(process.env["SIGNALBOX_SIGNING_SECRET"] ?? "");
      show(command, rotation, () => stepsOf(rotation));
    });
}

/**
 * @param current what the function has now
 * @throws UsageError if that is none; SignalboxError `config_invalid` if it is not one
 */
export async function rotate(current: string): Promise<Rotation> {
  const secrets = current.split(/\s+/).filter(Boolean);
  const [first, ...others] = secrets;
  if (first === undefined)
    throw new UsageError("expected SIGNALBOX_SIGNING_SECRET to be set to the current secret");
  await importSigningKeys(current);
  if (others.length > 0)
    throw new UsageError(
      "expected one current secret, got several: end the rotation under way first",
    );
  const next = newSigningSecret();
  return { both: `${first} ${next}`, next };
}

function stepsOf({ both, next }: Rotation): string {
  return `# 1. The function takes both:  npx wrangler secret put SIGNALBOX_SIGNING_SECRET
SIGNALBOX_SIGNING_SECRET="${both}"

# 2. Then every subscriber signs with the next one: set it, and restart them one by one.
# 3. Once no subscriber has the old one, the function takes the next one alone.
SIGNALBOX_SIGNING_SECRET="${next}"`;
}

function newSigningSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

function newToken(): string {
  return randomBytes(32).toString("base64url");
}
