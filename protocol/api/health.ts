/** What the health check answers. */

/** Redis answers. */
export interface Well {
  readonly status: "ok";
}

/** Redis does not answer. */
export interface Unwell {
  readonly status: "unavailable";
  readonly code: string;
  readonly detail: string;
}
