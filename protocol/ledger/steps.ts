/** Applies the steps of schedules: encodes them for the script `apply-steps` and reads its verdicts. */
import { queueKeys } from "../redis/keys.ts";
import { exactly, itemAt } from "../redis/reply.ts";
import { encodeCatchUp, stateLetters } from "../schedule/schedule.ts";
import type { PlannedRun, Step } from "../schedule/step.ts";
import { type AppliedSteps, applySteps, applyStepsArgs } from "../scripts/apply-steps.ts";
import { bind, type LedgerOptions, type OfQueue } from "./binding.ts";

/** Applies planned steps; see `ScheduleLedger.applySteps`. */
export type ApplySteps = (
  planned: readonly OfQueue<readonly Step[]>[],
) => Promise<readonly OfQueue<AppliedSteps>[]>;

/** Binds the script to a Redis and a naming. */
export function createApplySteps(options: LedgerOptions): ApplySteps {
  const { naming } = options;
  const { publishing, onEach } = bind(options);

  return async (planned) => {
    const stepsOf = (at: number) => itemAt(planned, at, "planned steps").value;
    const applied = await onEach(
      planned.map(({ queue }) => queue),
      (queue, at) =>
        applySteps.call({
          keys: queueKeys(naming, queue),
          args: { ...publishing(queue), ...applyStepsArgs },
          list: stepsOf(at).flatMap(encodeStep),
        }),
      applySteps.parse,
    );
    for (const [at, { value }] of applied.entries())
      exactly(value.verdicts, stepsOf(at).length, "verdicts");
    return applied;
  };
}

/** The words of one step, in the order in which the script takes them. */
function encodeStep(step: Step): readonly string[] {
  const isByHand = step.runs.some(({ nonce }) => nonce !== undefined);
  return [
    step.id,
    step.version,
    stateLetters[step.state],
    wordOf(step.coversMs),
    wordOf(step.movedMs),
    wordOf(step.nextMs),
    // A run by hand leaves the due time as it was.
    isByHand ? "=" : wordOf(step.dueMs),
    wordOf(step.count),
    step.runs.length === 0 ? "-" : step.runs.map(encodeRun).join(" "),
    step.missed === null ? "-" : `${step.missed.from} ${step.missed.to}`,
    String(step.keepHistory),
    step.error.replaceAll("\n", " "),
    encodeCatchUp(step.catchUp),
  ];
}

function encodeRun({ at, late, backfilled, nonce }: PlannedRun): string {
  const flags = `${late ? "l" : ""}${backfilled ? "b" : ""}${nonce === undefined ? "" : "m"}`;
  return `${at}:${flags === "" ? "n" : flags}${nonce === undefined ? "" : `:${nonce}`}`;
}

function wordOf(value: number | null): string {
  return value === null ? "-" : String(value);
}
