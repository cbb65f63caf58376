/** The invariants, each with its figure and its violations. */
import { stampMs } from "../../protocol/wire/record.ts";
import { acceptedOf, type Evidence } from "./evidence.ts";
import {
  cancelled,
  type EndedJob,
  oldToken,
  tally,
  wrongCancel,
  wrongEnd,
  wrongTime,
  wrongView,
  wrongWinner,
} from "./judge-jobs.ts";
import {
  acceptedTwice,
  leftOver,
  notInLog,
  total,
  unasked,
  wrongDeadLetters,
  wrongEnds,
  wrongLedger,
  wrongRecords,
} from "./judge-ledger.ts";
import { afterKills, again, gracious, unexplained } from "./judge-runs.ts";
import { judgeSchedules } from "./schedules.ts";

export interface Row {
  readonly what: string;
  readonly figure: string;
  readonly breaks: readonly string[];
}

/** Judges a run. It passes if no row has a violation. */
export function judge(evidence: Evidence): readonly Row[] {
  const { heard, audit, ledgers } = evidence;
  const accepted = acceptedOf(evidence);
  const missing: string[] = [];
  const open: string[] = [];
  const jobs: EndedJob[] = [];
  for (const [key, each] of accepted) {
    const ledger = evidence.ledgers.get(each.queue);
    const stored = ledger?.jobs.get(each.id);
    const ended = ledger?.ended.get(each.id);
    if (stored === undefined) missing.push(key);
    else if (ended === undefined) open.push(`${key} is ${stored.state}`);
    else {
      const { deliveries, deadlineMs } = stored;
      jobs.push({
        ...each,
        key,
        ended,
        deliveries,
        deadlineMs,
        accepted: stampMs(stored.accepted),
      });
    }
  }
  return [
    row("accepted jobs that are in the ledger", accepted.size, missing),
    row("… that have ended", jobs.length, open),
    row("… in a state that their kind allows", tally(jobs), jobs.flatMap(wrongEnd(evidence))),
    row("… and that GET shows as recorded", evidence.views.size, jobs.flatMap(wrongView(evidence))),
    row("… whose winner's run is in the log", jobs.length, jobs.flatMap(wrongWinner(evidence))),
    row("… whose result is that of the last delivery", jobs.length, jobs.flatMap(oldToken)),
    row("… cancelled as the answer said", cancelled(jobs), jobs.flatMap(wrongCancel)),
    row("results on CHANNEL_RESULT, one for each job", heard.size, wrongEnds(heard, ledgers)),
    row("ends in Redis's log, one for each job", audit.ends.size, [
      ...wrongEnds(audit.ends, ledgers),
      ...jobs.flatMap(notInLog(audit.ends)),
    ]),
    row("jobs accepted once, in Redis's log", audit.acceptances.size, acceptedTwice(evidence)),
    row("results recorded, each once", audit.outbox.size, wrongRecords(audit.outbox)),
    row("no job started before or after its time", jobs.length, jobs.flatMap(wrongTime(evidence))),
    row("times of schedules, one run for each", ...judgeSchedules(evidence)),
    row("jobs in the ledger that a caller dispatched", total(evidence), unasked(evidence)),
    row("repeated runs that are explained", again(evidence), unexplained(evidence)),
    row("ledgers: slots, places, records", evidence.ledgers.size, wrongLedger(evidence)),
    row("ledgers: slots after each script of the run", audit.checks, audit.slots),
    row("after a kill: until the next run (s)", afterKills(evidence), []),
    row("runs given back only at the end of the drain time", ...gracious(evidence)),
    row("ledgers: nothing left over", evidence.ledgers.size, leftOver(evidence)),
    row("dead letters kept", evidence.deadLetters, wrongDeadLetters(evidence)),
    row("quiet in time", evidence.unrest.length === 0 ? "yes" : "no", evidence.unrest),
    row("crashes, unhandled errors, wrong answers", evidence.problems.length, evidence.problems),
  ];
}

function row(what: string, figure: number | string, breaks: readonly string[]): Row {
  return { what, figure: String(figure), breaks };
}
