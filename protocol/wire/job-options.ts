/**
 * The options of a job, once. From this table derive the bodies of `POST /v1/jobs` and of schedules, with the texts that
 * refuse them; the OpenAPI document; the client's `JobOptions` and `ScheduleOrder`; `JobSpec`, and the options in a body
 * and an envelope.
 *
 * zod schemas, since only they give checks, texts, types and a JSON Schema from one line; a table of our own would be a
 * second schema language. Only the function loads them: `job.ts`, which every part loads, and the client import only
 * the types, so that neither has zod in it.
 *
 * To add an option:
 * 1. Give its schema a line here: in `storedOptions` if scripts pass it on to the node unread, else in `runOptions`
 *    (jobs and runs of schedules) or `jobOptions` (only jobs).
 * 2. Where it is stored, the compiler then asks for its check on the wire in `job.ts`, and nothing else: the codec, the
 *    signature and the comparison of repeated jobs go by that table. Where a script reads it, pass `spec.<name>` on in
 *    `protocol/ledger/dispatch.ts`, and for runs in `encodeContent` of `protocol/schedule/schedule.ts`, and write its Lua.
 */
import * as z from "zod";
import { jobId, longestMs, nodeName, objectError, queueName, time, whole } from "./fields.ts";
import { longestTimeoutMs } from "./whole.ts";

/** The longest wait between attempts: 7 days, in milliseconds. */
const longestBackoffMs = 604_800_000;
const delayMs = whole("delayMs", longestBackoffMs);
const wholeJitter = "expected jitter: a number from 0 to 1";
const jitter = z.number(wholeJitter).min(0, wholeJitter).max(1, wholeJitter).exactOptional();
const wholeDelays = "expected delaysMs: an array of 1 to 100 delays";
const backoffForms =
  'backoff: {"kind":"fixed","delayMs"}, {"kind":"exponential","delayMs","capMs"?} or ' +
  '{"kind":"list","delaysMs"}, each with "jitter"?';
const backoffError = { error: objectError(backoffForms) };
const backoff = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({ kind: z.literal("fixed"), delayMs, jitter }, backoffError),
    z.strictObject(
      {
        kind: z.literal("exponential"),
        delayMs,
        /** @default 3_600_000 */
        capMs: whole("capMs", longestBackoffMs).exactOptional(),
        jitter,
      },
      backoffError,
    ),
    z.strictObject(
      {
        kind: z.literal("list"),
        delaysMs: z
          .array(whole("delaysMs", longestBackoffMs), wholeDelays)
          .min(1, wholeDelays)
          .max(100, wholeDelays),
        jitter,
      },
      backoffError,
    ),
  ],
  `expected ${backoffForms}`,
);

const oneLine = "expected a key of 1 to 256 characters on one line";
const dedupe = z.strictObject(
  {
    /** @default a fingerprint of name and payload, whatever the order of the payload's keys */
    key: z
      .string(oneLine)
      .regex(/^[^\n\r]{1,256}$/, oneLine)
      // Half of a surrogate pair has no UTF-8: keys that differ only in it would be the same.
      .refine((key) => key.isWellFormed(), oneLine)
      .exactOptional(),
    /** How long the key is held, in milliseconds. */
    windowMs: whole("windowMs", longestMs),
    /** @default "return" */
    mode: z
      .enum(
        ["reject", "return", "replace", "debounce"],
        "expected mode: reject, return, replace or debounce",
      )
      .default("return"),
  },
  { error: objectError("dedupe with windowMs, key?, mode?") },
);

/** Ids of schedules' runs: a job with such an id would have the run of that time left out. */
const runId = /@\d{10,16}\+?$/;
const newJobId = jobId.refine(
  (id) => !runId.test(id),
  "expected an id other than those of schedules' runs, <id>@<ms>",
);

/** Kept in the body of a job: scripts copy them unread, and the node obeys them. */
export const storedOptions = {
  /** How many started attempts are allowed, 1 to 100. @default 3 */
  attempts: whole("attempts", 100).exactOptional(),
  /** How long to wait between attempts. @default exponential from 1 s, at most 1 h */
  backoff: backoff.exactOptional(),
  /** How long one attempt may take, in milliseconds, up to a day. @default the handler's own, else 60_000 */
  timeoutMs: whole("timeoutMs", longestTimeoutMs).exactOptional(),
};

/** Options of a job that each run of a schedule may have as well. */
export const runOptions = {
  /** The only node that may run it. @default any node of the queue */
  node: nodeName.exactOptional(),
  /** @default "default" */
  queue: queueName.exactOptional(),
  ...storedOptions,
  /** By when it must have been started, in milliseconds from acceptance on; else it ends as `expired`. */
  ttlMs: whole("ttlMs", longestMs).exactOptional(),
};

const { ttlMs, ...startedOptions } = runOptions;

/** All options of a job, in the order in which a refusal names them. */
export const jobOptions = {
  /** Makes the dispatch repeat-safe. @default an id that is made for it */
  id: newJobId.exactOptional(),
  ...startedOptions,
  /** How long to wait before it may start, in milliseconds. */
  delayMs: whole("delayMs", longestMs).exactOptional(),
  /** When it may start. */
  runAt: time("runAt").exactOptional(),
  ttlMs,
  /** By when it must have been started; else it ends as `expired`. */
  expiresAt: time("expiresAt").exactOptional(),
  /** Lets one job stand for all with the same key, within a window. */
  dedupe: dedupe.exactOptional(),
};

/** Two ways to say one thing, of which a job may use one. */
export const alternatives = [
  ["delayMs", "runAt"],
  ["ttlMs", "expiresAt"],
] as const satisfies readonly (readonly [keyof typeof jobOptions, keyof typeof jobOptions])[];

/** The options as a refusal names them, such as `node?, delayMs? or runAt?`. */
export function optionNames(options: Readonly<Record<string, z.ZodType>>): string {
  return Object.keys(options)
    .flatMap((name) => {
      const pair = alternatives.find((each) => each.some((one) => one === name));
      if (pair === undefined || !pair.every((one) => one in options)) return [`${name}?`];
      return pair[0] === name ? [`${pair[0]}? or ${pair[1]}?`] : [];
    })
    .join(", ");
}

/** `Type`, unchangeable at any depth. */
export type Frozen<Type> = Type extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : Type extends object
    ? { readonly [Key in keyof Type]: Frozen<Type[Key]> }
    : Type;

type InputOf<Options extends z.ZodRawShape> = Frozen<z.input<z.ZodObject<Options>>>;
type OutputOf<Options extends z.ZodRawShape> = Frozen<z.output<z.ZodObject<Options>>>;

/** Options as a caller writes them. */
export type JobOptionsInput = InputOf<typeof jobOptions>;
export type RunOptionsInput = InputOf<typeof runOptions>;
/** Options as they were checked: times in milliseconds since 1970. */
export type JobOptionsOutput = OutputOf<typeof jobOptions>;
export type RunOptionsOutput = OutputOf<typeof runOptions>;
export type StoredOptions = OutputOf<typeof storedOptions>;

/**
 * How long to wait before attempt n + 1: always `delayMs`; `delayMs` doubled each time up to `capMs`; or the
 * list's nth entry (the last one from then on). Up to `jitter` (0 to 1) of it is taken off at random.
 * @example const backoff: Backoff = { kind: "exponential", delayMs: 1_000, capMs: 60_000, jitter: 0.2 };
 */
export type Backoff = Frozen<z.output<typeof backoff>>;

/** Which other jobs this one stands for; see `lua/steps/dedupe.lua`. */
export type Dedupe = Readonly<Required<z.output<typeof dedupe>>>;
