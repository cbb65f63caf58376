/** What was done to whom and when, so that what came of it can be explained. Times are ms since 1970. */

/** A stretch of time in which something was wrong. */
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

export type History = ReturnType<typeof createHistory>;

/** Creates the history; `say` is told each line of it as it happens. */
export function createHistory(say: (line: string) => void) {
  const startedAt = Date.now();
  const troubles: Trouble[] = [];
  const lives = new Map<number, Life>();
  const replays = new Map<string, number>();
  const counts = new Map<string, number>();

  const line = (text: string) => {
    say(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${text}`);
  };

  return {
    startedAt,
    troubles: troubles as readonly Trouble[],
    lives: lives as ReadonlyMap<number, Life>,
    /** How often an envelope of each job was published once more. */
    replays: replays as ReadonlyMap<string, number>,
    counts: counts as ReadonlyMap<string, number>,
    line,
    count: (what: string) => {
      counts.set(what, (counts.get(what) ?? 0) + 1);
    },
    /** From now on; the returned function ends it. */
    begin(target: string, what: string): () => void {
      const from = Date.now();
      const at = troubles.push({ target, what, from, to: Infinity }) - 1;
      return () => {
        troubles[at] = { target, what, from, to: Date.now() };
      };
    },
    born: (station: string, pid: number) => {
      lives.set(pid, { station, pid, from: Date.now() });
    },
    ended: (pid: number, how: "killedAt" | "stoppedAt") => {
      const life = lives.get(pid);
      if (life !== undefined) lives.set(pid, { [how]: Date.now(), ...life });
    },
    replayed: (id: string) => {
      replays.set(id, (replays.get(id) ?? 0) + 1);
    },
  };
}
