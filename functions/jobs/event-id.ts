/** How much of a job a client has been told, as the id of a server-sent event. */
import { SignalboxError } from "../../protocol/error.ts";
import { type JobState, jobStates } from "../../protocol/wire/job.ts";

/** What has been told. */
export interface ToldSoFar {
  /** The report, a stream id; `0-0` for none. */
  readonly entry: string;
  /** How many events of that report. */
  readonly count: number;
  /** When the job was accepted, a stream id: a job that is sent again is another one. */
  readonly accepted: string;
  readonly deliveries: number;
  readonly state: JobState;
  /** Whether the result has been told as well. */
  readonly hasEnded: boolean;
}

/** The id of an event after which this much has been told. */
export function encodeEventId(told: ToldSoFar): string {
  const { entry, count, accepted, deliveries, state, hasEnded } = told;
  return `${entry}_${count}_${accepted}.${deliveries}_${state}${hasEnded ? "_end" : ""}`;
}

const pattern = new RegExp(
  `^(\\d{1,15}-\\d{1,19})_(\\d{1,3})_(\\d{1,15}-\\d{1,19})\\.(\\d{1,9})_(${jobStates.join("|")})(_end)?$`,
);

/** @throws SignalboxError `invalid_request` */
export function decodeEventId(id: string): ToldSoFar {
  const [, entry, count, accepted, deliveries, found, end] = pattern.exec(id) ?? [];
  const state = jobStates.find((each) => each === found);
  if (entry === undefined || accepted === undefined || state === undefined) {
    throw new SignalboxError(
      "invalid_request",
      "Last-Event-ID: expected the id of an event of this stream",
    );
  }
  const [told, delivered] = [Number(count), Number(deliveries)];
  return {
    entry,
    count: told,
    accepted,
    deliveries: delivered,
    state,
    hasEnded: end !== undefined,
  };
}
