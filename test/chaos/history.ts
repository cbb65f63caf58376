/** Records which fault hit which part and when, so that its effects can be explained. Times are ms since 1970. */

/** A period in which a part was disturbed. */
export interface Trouble {
  /** A station, `redis`, or a shared part. */
  readonly target: string;
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

/** One process of a station, from its start to its end. */
export interface Life {
  readonly station: string;
  readonly pid: number;
  readonly from: number;
  /** When the harness killed it, or told it to stop. */
  readonly killedAt?: number;
  readonly stoppedAt?: number;
}

/** What has happened so far in a run. */
export interface History {
  readonly startedAt: number;
  readonly troubles: readonly Trouble[];
  /** By process id. */
  readonly lives: ReadonlyMap<number, Life>;
  /** How often an envelope of each job was published again. */
  readonly replays: ReadonlyMap<string, number>;
  readonly counts: ReadonlyMap<string, number>;
  /** Prints a line with the time since the start. */
  line(text: string): void;
  count(what: string): void;
  /** Begins a trouble; the returned function ends it. */
  begin(target: string, what: string): () => void;
  born(station: string, pid: number): void;
  ended(pid: number, how: "killedAt" | "stoppedAt"): void;
  replayed(id: string): void;
}

/** Creates an empty history; `say` receives each line as it is written. */
export function createHistory(say: (line: string) => void): History {
  const startedAt = Date.now();
  const troubles: Trouble[] = [];
  const lives = new Map<number, Life>();
  const replays = new Map<string, number>();
  const counts = new Map<string, number>();

  const line = (text: string): void => {
    say(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${text}`);
  };

  return {
    startedAt,
    troubles,
    lives,
    replays,
    counts,
    line,
    count: (what) => {
      counts.set(what, (counts.get(what) ?? 0) + 1);
    },
    begin(target, what) {
      const from = Date.now();
      const at = troubles.push({ target, what, from, to: Infinity }) - 1;
      return () => {
        troubles[at] = { target, what, from, to: Date.now() };
      };
    },
    born: (station, pid) => {
      lives.set(pid, { station, pid, from: Date.now() });
    },
    ended: (pid, how) => {
      const life = lives.get(pid);
      if (life !== undefined) lives.set(pid, { [how]: Date.now(), ...life });
    },
    replayed: (id) => {
      replays.set(id, (replays.get(id) ?? 0) + 1);
    },
  };
}
