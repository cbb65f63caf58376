/** The result of one check of the doctor. */
export interface Finding {
  readonly check: string;
  readonly state: "ok" | "warning" | "wrong" | "skipped";
  readonly detail: string;
  /** What the user can do about it. */
  readonly fix?: string;
}

/** Nothing to do. */
export function ok(check: string, detail: string): Finding {
  return { check, state: "ok", detail };
}

/** It works now, but may fail later or elsewhere. */
export function warning(check: string, detail: string, fix: string): Finding {
  return { check, state: "warning", detail, fix };
}

/** It cannot work. */
export function wrong(check: string, detail: string, fix: string): Finding {
  return { check, state: "wrong", detail, fix };
}

/** The check could not run; `fix` says what it needs. */
export function skipped(check: string, detail: string, fix: string): Finding {
  return { check, state: "skipped", detail, fix };
}
