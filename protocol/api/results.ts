/** What the callback answers. */

/** What became of the deliveries. Results that are in none of the lists are recorded, or need not be sent again. */
export interface Recorded {
  /** How many deliveries were not yet recorded, and are now: 0 for a repetition. */
  readonly recorded: number;
  /** What the `onResult` hook threw for: to be sent again after a while. Absent if there is none. */
  readonly refused?: readonly Unrecorded[];
  /** What the hook was not shown, since the time was up: to be sent again immediately. Absent if there is none. */
  readonly left?: readonly Unrecorded[];
}

/** Results of one delivery that are not recorded. */
export interface Unrecorded {
  readonly queue: string;
  /** As delivered. */
  readonly entry: string;
  /** Which of the delivery's results, counted from 0. */
  readonly results: readonly number[];
  /** The entry under which they are to be sent again, where it is another one. */
  readonly now?: string;
}
