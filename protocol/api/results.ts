/** What the callback answers. */

/** How many deliveries were not yet recorded: 0 for a repetition. */
export interface Recorded {
  readonly recorded: number;
}
