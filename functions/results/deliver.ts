/**
 * Records results: the end of a job's path, reached through the callback or through the tick. What the hook has accepted
 * leaves the outbox as it is done; what it refuses is set aside and holds up nothing else.
 */
import type {
  Maintenance,
  PartlyRecorded,
  RestOfEntry,
} from "../../protocol/ledger/maintenance.ts";
import { exactly, itemAt } from "../../protocol/redis/reply.ts";
import type { ResultMessage } from "../../protocol/wire/messages.ts";
import type { OnResult } from "../deps.ts";
import { callbackLimits, type HookLimits, type HookVerdict, runHook } from "./run-hook.ts";

/** One outbox entry and the results in it. */
export interface Delivery {
  readonly queue: string;
  readonly entry: string;
  readonly results: readonly ResultMessage[];
}

/** What recording needs. */
export interface DeliverDeps {
  readonly maintenance: Pick<Maintenance, "ack" | "setAside">;
  readonly onResult?: OnResult;
  /** Results that have waited for this long are dropped when they are set aside, in milliseconds. */
  readonly outboxMs: number;
}

/** How a delivery is to be recorded. */
export interface DeliverOptions {
  /** @default callbackLimits */
  readonly limits?: HookLimits;
  /**
   * Whether an entry goes behind all others also where the hook refused all of it. The tick needs that, since it reads
   * the oldest first; the callback saves the commands.
   * @default false
   */
  readonly movesAll?: boolean;
}

/** Results of one delivery that are not recorded. */
export interface NotRecorded {
  readonly queue: string;
  readonly entry: string;
  /** Which of the delivery's results, counted from 0. */
  readonly results: readonly number[];
  /** The entry in which they are by now, if that is another one. */
  readonly now?: string;
}

/** Why the hook refused results: those with the same reason together. */
export interface HookFailure {
  readonly reason: string;
  readonly count: number;
  /** The ids of the first ten jobs. */
  readonly jobs: readonly string[];
  /** What the hook threw first. */
  readonly error: unknown;
}

/** What became of the deliveries. Results that are in neither list are recorded, or another has taken them over. */
export interface DeliveryReport {
  /** How many deliveries were still in the outbox and are recorded as a whole. */
  readonly recorded: number;
  readonly refused: readonly NotRecorded[];
  /** Not shown to the hook yet: the time was up. */
  readonly left: readonly NotRecorded[];
  readonly failures: readonly HookFailure[];
  /** How many results were refused for so long that they are dropped. */
  readonly dropped: number;
}

/** How often what is done leaves the outbox while the hook is slow, in milliseconds: what dies later repeats no more. */
const ackEveryMs = 1_000;

type Fate = "left" | "done" | "refused";

/** A delivery under way. */
interface Tray {
  readonly delivery: Delivery;
  /** One for each result. */
  readonly fates: Fate[];
  open: number;
}

/**
 * Shows each result to the hook and takes the deliveries out of the outbox as they are done. Without a hook, or where the
 * hook is quick and accepts all, that is one call of the ledger.
 * @throws SignalboxError what the ledger throws; then some are recorded and others not, and all may be delivered again
 */
export async function deliverResults(
  deps: DeliverDeps,
  deliveries: readonly Delivery[],
  { limits = callbackLimits, movesAll = false }: DeliverOptions = {},
): Promise<DeliveryReport> {
  const { maintenance, onResult, outboxMs } = deps;
  if (onResult === undefined) {
    const recorded = await maintenance.ack(entriesOf(deliveries));
    return { recorded, refused: [], left: [], failures: [], dropped: 0 };
  }
  const trays = deliveries.map((delivery): Tray => {
    const { results } = delivery;
    return { delivery, fates: results.map(() => "left"), open: results.length };
  });
  const acker = createAcker(maintenance);
  const failures = createFailures();
  for (const { delivery, open } of trays) if (open === 0) acker.add(delivery);
  await runHook({
    items: trays.flatMap((tray) => tray.fates.map((_, at) => ({ tray, at }))),
    resultOf: ({ tray, at }) => itemAt(tray.delivery.results, at, "a result"),
    onResult,
    limits,
    onVerdict: ({ tray, at }, verdict) => {
      tray.fates[at] = verdict.kind;
      if (verdict.kind === "refused") {
        failures.add(verdict, itemAt(tray.delivery.results, at, "a result").id);
        return;
      }
      tray.open -= 1;
      if (tray.open === 0) acker.add(tray.delivery);
    },
  });
  const recorded = await acker.finish();
  const rests = trays.filter(({ open }) => open > 0).flatMap(restsOf);
  const { places, dropped } = await moveRests(
    { maintenance, outboxMs },
    rests.filter(({ fate, isWhole }) => !isWhole || (movesAll && fate === "refused")),
  );
  return {
    recorded,
    refused: notRecorded(rests, "refused", places),
    left: notRecorded(rests, "left", places),
    failures: failures.list(),
    dropped,
  };
}

/** Acknowledges deliveries while others are still shown to the hook. */
function createAcker(maintenance: DeliverDeps["maintenance"]) {
  let ready: Delivery[] = [];
  let recorded = 0;
  let lastAt = performance.now();
  let underWay: Promise<void> | undefined;
  const failures: unknown[] = [];

  async function ack(): Promise<void> {
    const some = ready;
    ready = [];
    lastAt = performance.now();
    try {
      recorded += await maintenance.ack(entriesOf(some));
    } catch (error) {
      failures.push(error);
    }
  }

  return {
    add(delivery: Delivery): void {
      ready.push(delivery);
      if (underWay !== undefined || performance.now() - lastAt < ackEveryMs) return;
      underWay = ack().finally(() => (underWay = undefined));
    },
    /** @throws what the ledger threw, at any time */
    async finish(): Promise<number> {
      await underWay;
      if (ready.length > 0) await ack();
      if (failures.length > 0) throw failures[0];
      return recorded;
    },
  };
}

function entriesOf(deliveries: readonly Delivery[]): ReadonlyMap<string, readonly string[]> {
  const queues = [...Map.groupBy(deliveries, ({ queue }) => queue)];
  return new Map(queues.map(([queue, some]) => [queue, some.map(({ entry }) => entry)]));
}

/** What is left of one delivery with one fate. */
interface Rest {
  readonly delivery: Delivery;
  readonly fate: Exclude<Fate, "done">;
  readonly places: readonly number[];
  /** Whether it is all of the delivery: then its entry may stand as it is. */
  readonly isWhole: boolean;
}

function restsOf({ delivery, fates }: Tray): readonly Rest[] {
  return (["refused", "left"] as const).flatMap((fate) => {
    const places = fates.flatMap((each, at) => (each === fate ? [at] : []));
    return places.length === 0
      ? []
      : [{ delivery, fate, places, isWhole: places.length === fates.length }];
  });
}

/** Answers where each moved rest is by now; null where another has taken it over, or it is dropped. */
async function moveRests(
  { maintenance, outboxMs }: Pick<DeliverDeps, "maintenance" | "outboxMs">,
  rests: readonly Rest[],
): Promise<{ readonly places: ReadonlyMap<Rest, string | null>; readonly dropped: number }> {
  const byDelivery = Map.groupBy(rests, ({ delivery }) => delivery);
  const groups = [...byDelivery.values()];
  if (groups.length === 0) return { places: new Map(), dropped: 0 };
  const moved = exactly(
    await maintenance.setAside([...byDelivery].map(partOf), outboxMs),
    groups.length,
    "moved entries",
  );
  const places = new Map<Rest, string | null>();
  let dropped = 0;
  groups.forEach((group, at) => {
    const entries = moved[at] ?? [];
    group.forEach((rest, part) => {
      places.set(rest, entries[part] ?? null);
      if (entries.includes(null)) dropped += rest.places.length;
    });
  });
  return { places, dropped };
}

function partOf([delivery, rests]: readonly [Delivery, readonly Rest[]]): PartlyRecorded {
  const { queue, entry, results } = delivery;
  const rest = rests.map(({ places }): RestOfEntry => {
    const some = places.map((place) => itemAt(results, place, "a result"));
    // Written from what was read: only the hook reads it again, and for it nothing has changed.
    return {
      text: some.length === 1 ? JSON.stringify(some[0]) : JSON.stringify(some),
      ids: some.map(({ id }) => id),
    };
  });
  return { queue, entry, rest };
}

function notRecorded(
  rests: readonly Rest[],
  fate: Rest["fate"],
  moved: ReadonlyMap<Rest, string | null>,
): readonly NotRecorded[] {
  return rests.flatMap((rest): NotRecorded[] => {
    const now = moved.get(rest);
    if (rest.fate !== fate || now === null) return [];
    const { queue, entry } = rest.delivery;
    const where = { queue, entry, results: rest.places };
    return [now === undefined ? where : { ...where, now }];
  });
}

/** Gathers what the hook threw: the same message a thousand times is one failure. */
function createFailures() {
  const byReason = new Map<string, { count: number; jobs: string[]; error: unknown }>();
  return {
    add({ reason, error }: HookVerdict & { kind: "refused" }, job: string): void {
      const known = byReason.get(reason) ?? { count: 0, jobs: [], error };
      known.count += 1;
      if (known.jobs.length < 10) known.jobs.push(job);
      byReason.set(reason, known);
    },
    list: (): readonly HookFailure[] =>
      [...byReason].map(([reason, failure]) => ({ reason, ...failure })),
  };
}
