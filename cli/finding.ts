/** What a check of the doctor found. */
export interface Finding {
  readonly check: string;
  readonly state: "ok" | "warning" | "wrong" | "skipped";
  readonly detail: string;
  /** What to do about it. */
  readonly fix?: string;
}

/** All is as it should be. */
export function ok(check: string, detail: string): Finding {
  return { check, state: "ok", detail };
}

/** It works, but not for long or not everywhere. */
export function warning(check: string, detail: string, fix: string): Finding {
  return { check, state: "warning", detail, fix };
}

/** It cannot work. */
export function wrong(check: string, detail: string, fix: string): Finding {
  return { check, state: "wrong", detail, fix };
}

/** It could not be looked at; `fix` says what would allow it. */
export function skipped(check: string, detail: string, fix: string): Finding {
  return { check, state: "skipped", detail, fix };
}
