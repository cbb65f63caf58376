/**
 * The memory that the subscriber's thread shares with the guard's: which attempts run, and when the subscriber's event
 * loop must next show a sign of life. The subscriber alone writes places and beats; the guard alone falls asleep.
 *
 * A place is valid while its state is not 0. The writer sets the state last and with a number that it never uses twice,
 * so a reader that finds the same state before and after it reads has read one attempt, and not parts of two.
 */

/** Longer than any lease member: an id of 128 characters, a token, a node name of 64. */
const memberBytes = 256;

/** Words of `control`. */
const word = {
  /** 1: the guard waits until it is woken. */
  sleeping: 0,
  /** 1: the guard is to end. */
  stopped: 1,
  /** Counts the beats, so that both threads agree on their order. */
  beats: 2,
} as const;

/** How large a table is. */
export interface TableSize {
  /** How many attempts it can hold; more are not guarded. */
  readonly places: number;
  readonly assignments: number;
}

/** The views of one shared buffer. */
interface Layout {
  readonly control: Int32Array;
  /** When the next beat is due, in milliseconds of the subscriber's `performance.now()`; infinite if none is. */
  readonly beatAt: Float64Array;
  /** By assignment: the epoch of its last join, or 0. */
  readonly epochs: Float64Array;
  /** By place, and so are those below: when the attempt was started, in the same milliseconds. */
  readonly startedAt: Float64Array;
  /** When the attempt's own time-out passes. */
  readonly endsAt: Float64Array;
  readonly states: Int32Array;
  readonly assignments: Int32Array;
  readonly lengths: Int32Array;
  readonly members: readonly Uint8Array[];
}

/** What each place takes besides its member: two numbers of 8 bytes and three of 4. */
const placeBytes = 2 * 8 + 3 * 4;
const controlBytes = 16;

/** Makes the memory of a table. */
export function createTableBuffer({ places, assignments }: TableSize): SharedArrayBuffer {
  return new SharedArrayBuffer(
    controlBytes + 8 * (1 + assignments) + places * (placeBytes + memberBytes),
  );
}

function layOut(buffer: SharedArrayBuffer, size: TableSize): Layout {
  let at = 0;
  const take = (bytes: number) => (at += bytes) - bytes;
  const float64 = (count: number) => new Float64Array(buffer, take(8 * count), count);
  const int32 = (count: number) => new Int32Array(buffer, take(4 * count), count);
  return {
    control: new Int32Array(buffer, take(controlBytes), controlBytes / 4),
    beatAt: float64(1),
    epochs: float64(size.assignments),
    startedAt: float64(size.places),
    endsAt: float64(size.places),
    states: int32(size.places),
    assignments: int32(size.places),
    lengths: int32(size.places),
    members: Array.from(
      { length: size.places },
      () => new Uint8Array(buffer, take(memberBytes), memberBytes),
    ),
  };
}

/** The subscriber's side. No method waits or makes an object. */
export interface TableWriter {
  /**
   * Enters an attempt and wakes the guard if it sleeps; about 0.7 µs together with its removal.
   * @param assignment its number
   * @param member its lease, as the ledger names it
   * @param endsAt when its time-out passes
   * @returns its place; -1 if there is none
   */
  add(assignment: number, member: string, startedAt: number, endsAt: number): number;
  /** Clears a place; -1 is ignored. */
  remove(place: number): void;
  /** Says when the next sign of life is due, which is one itself. Infinite if nothing runs. */
  beat(nextAt: number): void;
  /** Says which incarnation of its node an assignment is. */
  joined(assignment: number, epoch: number): void;
  /** Has the guard's thread end. */
  stop(): void;
}

/** Writes the table; only one writer may exist. */
export function createTableWriter(buffer: SharedArrayBuffer, size: TableSize): TableWriter {
  const layout = layOut(buffer, size);
  const { control, beatAt, states } = layout;
  const encoder = new TextEncoder();
  /** The places that are free, the last one first. */
  const free = Array.from({ length: size.places }, (_, index) => size.places - 1 - index);
  let generation = 0;
  beatAt[0] = Infinity;

  function wake(): void {
    Atomics.store(control, word.sleeping, 0);
    Atomics.notify(control, word.sleeping);
  }

  return {
    add(assignment, member, startedAt, endsAt) {
      const place = free.pop();
      const bytes = place === undefined ? undefined : layout.members[place];
      if (place === undefined || bytes === undefined) return -1;
      const { read, written } = encoder.encodeInto(member, bytes);
      if (read < member.length) {
        free.push(place);
        return -1;
      }
      layout.lengths[place] = written;
      layout.assignments[place] = assignment;
      layout.startedAt[place] = startedAt;
      layout.endsAt[place] = endsAt;
      generation = (generation % 0x7fff_ffff) + 1;
      Atomics.store(states, place, generation);
      // The guard falls asleep first and looks at the states then: one of the two sees the other.
      if (Atomics.load(control, word.sleeping) === 1) wake();
      return place;
    },
    remove(place) {
      if (place < 0) return;
      Atomics.store(states, place, 0);
      free.push(place);
    },
    beat(nextAt) {
      beatAt[0] = nextAt;
      Atomics.add(control, word.beats, 1);
      if (nextAt !== Infinity && Atomics.load(control, word.sleeping) === 1) wake();
    },
    joined(assignment, epoch) {
      layout.epochs[assignment] = epoch;
    },
    stop() {
      Atomics.store(control, word.stopped, 1);
      Atomics.notify(control, word.stopped);
      wake();
    },
  };
}

/** One attempt, as the guard reads it. */
export interface GuardedAttempt {
  /** Differs for every attempt: a place is used again. */
  readonly state: number;
  readonly place: number;
  readonly assignment: number;
  readonly member: string;
  readonly startedAt: number;
  readonly endsAt: number;
}

/** The guard's side. */
export interface TableReader {
  /** When the next sign of life is due. */
  beatAt(): number;
  /** How many signs of life there have been. */
  beats(): number;
  /** The attempts that run. */
  list(): readonly GuardedAttempt[];
  /** Whether an attempt is still in the table. */
  has(attempt: Pick<GuardedAttempt, "place" | "state">): boolean;
  /** The epoch of an assignment; 0 before its first join. */
  epochOf(assignment: number): number;
  isStopped(): boolean;
  /** Stops this thread until the writer wakes it, unless `isIdle` finds something to do. */
  sleep(isIdle: () => boolean): void;
  /** Stops this thread for `ms` milliseconds, or until the table is stopped. */
  wait(ms: number): void;
}

/** Reads the table, in the guard's thread. */
export function createTableReader(buffer: SharedArrayBuffer, size: TableSize): TableReader {
  const layout = layOut(buffer, size);
  const { control, states } = layout;
  const decoder = new TextDecoder();
  const at = (numbers: Int32Array | Float64Array, index: number) => numbers[index] ?? 0;

  function read(place: number): GuardedAttempt | undefined {
    const state = Atomics.load(states, place);
    const bytes = layout.members[place];
    if (state === 0 || bytes === undefined) return undefined;
    const attempt = {
      state,
      place,
      assignment: at(layout.assignments, place),
      // Copied: a decoder takes no shared memory.
      member: decoder.decode(bytes.slice(0, at(layout.lengths, place))),
      startedAt: at(layout.startedAt, place),
      endsAt: at(layout.endsAt, place),
    };
    return Atomics.load(states, place) === state ? attempt : undefined;
  }

  const isStopped = () => Atomics.load(control, word.stopped) === 1;
  return {
    beatAt: () => at(layout.beatAt, 0),
    beats: () => Atomics.load(control, word.beats),
    list: () => Array.from(states, (_, place) => read(place)).filter((each) => each !== undefined),
    has: ({ place, state }) => Atomics.load(states, place) === state,
    epochOf: (assignment) => at(layout.epochs, assignment),
    isStopped,
    sleep(isIdle) {
      Atomics.store(control, word.sleeping, 1);
      if (isIdle() && !isStopped()) Atomics.wait(control, word.sleeping, 1);
      Atomics.store(control, word.sleeping, 0);
    },
    wait(ms) {
      Atomics.wait(control, word.stopped, 0, ms);
    },
  };
}
