/** A small seeded random generator (mulberry32), so that a run can be repeated. */

export interface Random {
  /** 0 ≤ x < 1 */
  next(): number;
  /** A whole number; both ends are included. */
  whole(low: number, high: number): number;
  chance(share: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** Picks a key; its value is its weight. */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T;
  /** Creates a generator whose sequence does not depend on how often this one is used. */
  fork(name: string): Random;
}

/** Creates the generator of `seed`. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;

  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  const whole = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));

  function pick<T>(list: readonly T[]): T {
    const [found] = list.slice(whole(0, list.length - 1));
    if (found === undefined) throw new Error("expected a list to pick from, got an empty one");
    return found;
  }

  function weighted<T extends string>(weights: Readonly<Record<T, number>>): T {
    const keys = Object.keys(weights) as T[];
    let left = next() * keys.reduce((sum, key) => sum + weights[key], 0);
    const found = keys.find((key) => (left -= weights[key]) < 0);
    return found ?? pick(keys);
  }

  return {
    next,
    whole,
    chance: (share) => next() < share,
    pick,
    weighted,
    fork: (name) => createRandom(hash(`${seed} ${name}`)),
  };
}

function hash(text: string): number {
  let value = 2_166_136_261;
  for (const character of text) {
    value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 16_777_619);
  }
  return value >>> 0;
}
