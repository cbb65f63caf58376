/** `signalbox keys new`, `token` and `rotate`. Their output is secret and goes to stdout, nowhere else. */
import { randomBytes } from "node:crypto";
import { type Command, InvalidArgumentError } from "commander";
import { ratePattern } from "../protocol/ledger/rate-limit.ts";
import { givenSettings } from "../protocol/settings/given.ts";
import {
  type Scope,
  scopes,
  tokenDigest,
  type TokenEntry,
  tokenNamePattern,
} from "../protocol/signing/api-token.ts";
import { importSigningKeys, type SecretSetting } from "../protocol/signing/keys.ts";
import { queueNamePattern } from "../protocol/wire/names.ts";
import { omitUndefined } from "../protocol/wire/omit-undefined.ts";
import { UsageError } from "./exit.ts";
import { addAclCommand } from "./keys-acl.ts";
import { show } from "./output.ts";

/** The values that a setting takes during a rotation, and the ids of both keys. */
export interface Rotation {
  /** The current key first: it still signs, and both are accepted. */
  readonly both: string;
  /** The next key first: it signs, and both are accepted. */
  readonly turned: string;
  /** Only the next key. */
  readonly next: string;
  readonly currentId: string;
  readonly nextId: string;
}

/** A new token, and the token list with its entry added. */
export interface MadeToken {
  /** For its holder; it cannot be shown again. */
  readonly token: string;
  /** For the function: the value of `SIGNALBOX_TOKENS`. */
  readonly tokens: readonly TokenEntry[];
}

/** What a new token allows. */
export interface TokenFlags {
  readonly scopes: readonly Scope[];
  readonly queues?: readonly string[];
  readonly expires?: string;
  readonly rate?: string;
}

interface KeyFlags {
  readonly envelope?: boolean;
}

const envelopeFlag = [
  "--envelope",
  "the secret that signs jobs, SIGNALBOX_ENVELOPE_SECRET",
] as const;

/** Adds the commands. */
export function addKeyCommands(program: Command): void {
  const keys = program.command("keys").summary("make and rotate secrets, tokens and Redis users");
  keys
    .command("new")
    .summary("make a signing secret and a bearer token")
    .option(...envelopeFlag)
    .action(({ envelope = false }: KeyFlags, command: Command) => {
      if (envelope) {
        const envelopeSecret = newSecret();
        show(command, { envelopeSecret }, () => `SIGNALBOX_ENVELOPE_SECRET=${envelopeSecret}`);
        return;
      }
      const made = { signingSecret: newSecret(), token: newToken() };
      show(
        command,
        made,
        () => `SIGNALBOX_SIGNING_SECRET=${made.signingSecret}\nSIGNALBOX_TOKEN=${made.token}`,
      );
    });
  keys
    .command("token <name>")
    .summary("make a bearer token with limited rights")
    .description(
      "Makes a token and its entry in the list SIGNALBOX_TOKENS, which holds only its digest. If SIGNALBOX_TOKENS is set, " +
        "prints that list with the entry added. The token is shown only once.",
    )
    .requiredOption(
      "--scopes <list>",
      `what it may do: some of ${scopes.join(", ")}, separated by commas`,
      scopeList,
    )
    .option("--queues <list>", "the only queues it may use, separated by commas", queueList)
    .option("--expires <time>", "when it expires, such as 2027-01-31T00:00:00Z", instant)
    .option("--rate <rate>", "how many requests it may make, such as 100/10s", rate)
    .action(async (name: string, flags: TokenFlags, command: Command) => {
      const settings = givenSettings(process.env);
      const made = await makeToken(name, flags, settings["SIGNALBOX_TOKENS"] ?? "[]");
      show(command, made, () => linesOf(made));
    });
  keys
    .command("rotate")
    .summary("replace a signing secret without downtime")
    .description(
      "Makes the next secret and prints the steps. Reads the current one from SIGNALBOX_SIGNING_SECRET, or from " +
        "SIGNALBOX_ENVELOPE_SECRET with --envelope. Changes nothing.",
    )
    .option(...envelopeFlag)
    .action(async ({ envelope = false }: KeyFlags, command: Command) => {
      const setting = envelope ? "SIGNALBOX_ENVELOPE_SECRET" : "SIGNALBOX_SIGNING_SECRET";
      const rotation = await rotate(process.env[setting] ?? "", setting);
      show(command, rotation, () => (envelope ? envelopeSteps(rotation) : signingSteps(rotation)));
    });
  addAclCommand(keys);
}

/**
 * Makes the next secret and every value of `setting` on the way to it.
 * @param secret the current value
 * @throws UsageError if it is empty or has two secrets; SignalboxError `config_invalid` if it is malformed
 */
export async function rotate(
  secret: string,
  setting: SecretSetting = "SIGNALBOX_SIGNING_SECRET",
): Promise<Rotation> {
  const secrets = secret.split(/\s+/).filter(Boolean);
  const [first, ...others] = secrets;
  if (first === undefined)
    throw new UsageError(`expected ${setting} to be set to the current secret`);
  await importSigningKeys(secret, setting);
  if (others.length > 0)
    throw new UsageError(
      "expected one current secret, got several: end the rotation under way first",
    );
  const next = newSecret();
  const both = `${first} ${next}`;
  const [signs, added = signs] = await importSigningKeys(both, setting);
  return { both, turned: `${next} ${first}`, next, currentId: signs.id, nextId: added.id };
}

/**
 * Makes a token and adds its entry to a list.
 * @param current the list so far, as JSON
 * @throws UsageError if the name is malformed or taken, or if `current` is not a list
 */
export async function makeToken(
  name: string,
  { scopes: allowed, queues, expires, rate: limit }: TokenFlags,
  current: string,
): Promise<MadeToken> {
  if (!tokenNamePattern.test(name))
    throw new UsageError(
      "expected a name of 1 to 64 characters A-Z a-z 0-9 . _ - that is not just -",
    );
  const entries = entriesOf(current);
  if (entries.some((entry) => entry.name === name))
    throw new UsageError(`expected a name that is not in SIGNALBOX_TOKENS yet, got ${name}`);
  const token = newToken();
  const entry = {
    name,
    sha256: Buffer.from(await tokenDigest(token)).toString("hex"),
    scopes: allowed,
    ...omitUndefined({ queues, expiresAt: expires, rateLimit: limit }),
  };
  return { token, tokens: [...entries, entry] };
}

function entriesOf(text: string): readonly TokenEntry[] {
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch {
    // Refused below.
  }
  // The function checks the entries; this passes them on.
  if (Array.isArray(value)) return value as readonly TokenEntry[];
  throw new UsageError("expected SIGNALBOX_TOKENS to be a JSON list, or unset");
}

function linesOf({ token, tokens }: MadeToken): string {
  return `# For its holder; it is not shown again.
SIGNALBOX_TOKEN=${token}

# For the function, which stores only the digest:  npx wrangler secret put SIGNALBOX_TOKENS
SIGNALBOX_TOKENS='${JSON.stringify(tokens)}'`;
}

function scopeList(text: string): readonly Scope[] {
  const given = listOf(text);
  const known = scopes.filter((scope) => given.includes(scope));
  if (known.length === given.length && known.length > 0) return known;
  throw new InvalidArgumentError(`expected some of ${scopes.join(", ")}, each once`);
}

function queueList(text: string): readonly string[] {
  const given = [...new Set(listOf(text))];
  if (given.length > 0 && given.every((name) => queueNamePattern.test(name))) return given;
  throw new InvalidArgumentError("expected queue names, separated by commas");
}

/** A time without a zone would mean a different instant on another machine. */
function instant(text: string): string {
  const isInstant = /^\d{4}-\d\d-\d\dT\d\d:\d\d.*(?:Z|[+-]\d\d:\d\d)$/.test(text);
  const ms = isInstant ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new InvalidArgumentError("expected a time with a zone");
  return new Date(ms).toISOString();
}

function rate(text: string): string {
  if (ratePattern.test(text)) return text;
  throw new InvalidArgumentError("expected a rate such as 100/10s, in s, m or h");
}

function listOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);
}

/** Subscribers sign and the function checks, so the function must know the next key before any subscriber uses it. */
function signingSteps({ both, next, currentId, nextId }: Rotation): string {
  return `# From key ${currentId} to key ${nextId}.
# 1. The function accepts both:  npx wrangler secret put SIGNALBOX_SIGNING_SECRET
SIGNALBOX_SIGNING_SECRET="${both}"

# 2. Every subscriber signs with the next key: set it, and restart them one by one.
SIGNALBOX_SIGNING_SECRET="${next}"

# 3. Check that the function knows it:  SIGNALBOX_SIGNING_SECRET=… npx --no signalbox doctor
# 4. Once no subscriber has the old secret, the function accepts only the next one: put it as in step 1.
#    From then on ${currentId} is refused. Results that a subscriber still signs with it stay in the outbox until the tick records them.`;
}

/** The function signs and subscribers check; a signed job may wait for a long time before it is checked. */
function envelopeSteps({ both, turned, next, currentId, nextId }: Rotation): string {
  return `# From key ${currentId} to key ${nextId}.
# 1. Every subscriber accepts both: set this, and restart them one by one.
SIGNALBOX_ENVELOPE_SECRET="${both}"

# 2. The function and every producer sign with the next key:  npx wrangler secret put SIGNALBOX_ENVELOPE_SECRET
SIGNALBOX_ENVELOPE_SECRET="${turned}"

# 3. Wait until every job signed with ${currentId} has ended, including those that are delayed or retried. PUT the schedules
#    made over HTTP again, from your own definitions; the next tick signs declared ones again by itself.
# 4. The function and every subscriber get only the next secret.
SIGNALBOX_ENVELOPE_SECRET="${next}"
#    From then on a job signed with ${currentId} is refused: it fails as signature_refused, and can be dispatched again.`;
}

function newSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

function newToken(): string {
  return randomBytes(32).toString("base64url");
}
