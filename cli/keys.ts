/** `signalbox keys new`, `token` and `rotate`. What they write is secret; it goes to stdout and nowhere else. */
import { randomBytes } from "node:crypto";
import { InvalidArgumentError, type Command } from "commander";
import { queueNamePattern } from "../protocol/wire/names.ts";
import { ratePattern } from "../protocol/ledger/rate-limit.ts";
import {
  scopes,
  tokenDigest,
  tokenNamePattern,
  type Scope,
  type TokenEntry,
} from "../protocol/signing/api-token.ts";
import { importSigningKeys, type SecretSetting } from "../protocol/signing/keys.ts";
import { UsageError } from "./exit.ts";
import { addAclCommand } from "./keys-acl.ts";
import { show } from "./output.ts";

/** The values of a setting while its key is exchanged, and the ids of both keys. */
export interface Rotation {
  /** The current key first: it still signs, and both are accepted. */
  readonly both: string;
  /** The next key first: it signs, and both are accepted. */
  readonly turned: string;
  /** The next key alone. */
  readonly next: string;
  readonly currentId: string;
  readonly nextId: string;
}

/** A token, and the list that has it besides those of before. */
export interface MadeToken {
  /** For its holder; nobody can tell it again. */
  readonly token: string;
  /** For the function: the value of `SIGNALBOX_TOKENS`. */
  readonly tokens: readonly TokenEntry[];
}

/** What a token is to be good for. */
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
  "the secret with which jobs are signed, SIGNALBOX_ENVELOPE_SECRET",
] as const;

/** Adds the commands. */
export function addKeyCommands(program: Command): void {
  const keys = program.command("keys").summary("make secrets");
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
    .summary("make a bearer token that may do some things alone")
    .description(
      "Makes a token and its entry in the list SIGNALBOX_TOKENS, which holds its digest alone. Adds the entry to the " +
        "list in the environment, if there is one. The token is shown this once.",
    )
    .requiredOption("--scopes <list>", `of ${scopes.join(", ")}, separated by commas`, scopeList)
    .option("--queues <list>", "the only queues that it is good for", queueList)
    .option("--expires <time>", "from when on it is refused, such as 2027-01-31T00:00:00Z", instant)
    .option("--rate <rate>", "how many requests, such as 100/10s", rate)
    .action(async (name: string, flags: TokenFlags, command: Command) => {
      const made = await makeToken(name, flags, process.env["SIGNALBOX_TOKENS"] ?? "[]");
      show(command, made, () => linesOf(made));
    });
  keys
    .command("rotate")
    .summary("exchange the signing secret without a gap")
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
 * @param secret what the function has now
 * @throws UsageError if that is none; SignalboxError `config_invalid` if it is not one
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
 * @param current the list so far, as JSON
 * @throws UsageError for a name that cannot be one or is taken, or where the list is none
 */
export async function makeToken(
  name: string,
  { scopes: allowed, queues, expires, rate: limit }: TokenFlags,
  current: string,
): Promise<MadeToken> {
  if (!tokenNamePattern.test(name))
    throw new UsageError("expected a name of 1 to 64 of A-Z a-z 0-9 . _ - and not - alone");
  const entries = entriesOf(current);
  if (entries.some((entry) => entry.name === name))
    throw new UsageError(`expected a name that SIGNALBOX_TOKENS does not have; it has ${name}`);
  const token = newToken();
  const entry = {
    name,
    sha256: Buffer.from(await tokenDigest(token)).toString("hex"),
    scopes: allowed,
    ...(queues === undefined ? {} : { queues }),
    ...(expires === undefined ? {} : { expiresAt: expires }),
    ...(limit === undefined ? {} : { rateLimit: limit }),
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
  // The function checks the entries; here they are passed on.
  if (Array.isArray(value)) return value as readonly TokenEntry[];
  throw new UsageError("expected SIGNALBOX_TOKENS to be a list in JSON, or not to be set");
}

function linesOf({ token, tokens }: MadeToken): string {
  return `# For its holder; it is not shown again.
SIGNALBOX_TOKEN=${token}

# For the function, which needs no secret of it:  npx wrangler secret put SIGNALBOX_TOKENS
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
  throw new InvalidArgumentError("expected names of queues, separated by commas");
}

/** Without a zone it would be another moment on another machine. */
function instant(text: string): string {
  const isMoment = /^\d{4}-\d\d-\d\dT\d\d:\d\d.*(?:Z|[+-]\d\d:\d\d)$/.test(text);
  const ms = isMoment ? Date.parse(text) : Number.NaN;
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

/** Only subscribers sign, only the function checks: it must know the next key before anybody uses it. */
function signingSteps({ both, next, currentId, nextId }: Rotation): string {
  return `# From key ${currentId} to key ${nextId}.
# 1. The function accepts both:  npx wrangler secret put SIGNALBOX_SIGNING_SECRET
SIGNALBOX_SIGNING_SECRET="${both}"

# 2. Every subscriber signs with the next one: set it, and restart them one by one.
SIGNALBOX_SIGNING_SECRET="${next}"

# 3. Look whether it is known:  SIGNALBOX_SIGNING_SECRET=… npx signalbox doctor
# 4. Once no subscriber has the old one, the function accepts the next one alone: put it as in step 1.
#    From now on ${currentId} is refused. What a subscriber still signs with it stays in the outbox, and is recorded by the tick.`;
}

/** Only the function signs, only subscribers check, and what was signed may wait for long. */
function envelopeSteps({ both, turned, next, currentId, nextId }: Rotation): string {
  return `# From key ${currentId} to key ${nextId}.
# 1. Every subscriber accepts both: set this, and restart them one by one.
SIGNALBOX_ENVELOPE_SECRET="${both}"

# 2. The function, and each producer, signs with the next one:  npx wrangler secret put SIGNALBOX_ENVELOPE_SECRET
SIGNALBOX_ENVELOPE_SECRET="${turned}"

# 3. Wait until what was signed with ${currentId} has ended: jobs that wait, are delayed or tried again. PUT the schedules
#    that were made over HTTP again, from your own definitions; declared ones are signed anew by the next tick.
# 4. The function and every subscriber get the next one alone.
SIGNALBOX_ENVELOPE_SECRET="${next}"
#    From now on a job that ${currentId} signed is refused: it fails as signature_refused, and can be dispatched anew.`;
}

function newSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

function newToken(): string {
  return randomBytes(32).toString("base64url");
}
