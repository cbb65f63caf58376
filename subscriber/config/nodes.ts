/** Reads which nodes a subscriber hosts. Pure. */
import { SignalboxError } from "../../protocol/error.ts";
import { nodeNamePattern, queueNamePattern } from "../../protocol/wire/names.ts";

/** One node in one queue. Slots are counted per queue, because each queue is one ledger. */
export interface AssignmentConfig {
  readonly node: string;
  readonly queue: string;
  /** How many of the queue's jobs the node runs concurrently, 1 to 1,000. */
  readonly slots: number;
}

/** What applies to a node that names no slots or queues. */
export interface AssignmentDefaults {
  /** 1 to 1,000. */
  readonly slots: number;
  readonly queues: readonly string[];
}

/**
 * Reads `name[:slots][@queue[:slots]+queue…],…`, such as `1,2,3` or `gpu:1@render+thumbs:8,cpu`.
 * @throws SignalboxError `config_invalid`
 */
export function parseNodes(
  text: string,
  defaults: AssignmentDefaults,
): readonly AssignmentConfig[] {
  const assignments = text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean)
    .flatMap((part) => parseNode(part, defaults));
  if (assignments.length === 0) throw invalid("expected at least one node, such as 1,2,3", text);
  const names = assignments.map((assignment) => `${assignment.node}@${assignment.queue}`);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw invalid("expected each node and queue once", twice);
  return assignments;
}

function parseNode(part: string, defaults: AssignmentDefaults): readonly AssignmentConfig[] {
  const [left = "", right, ...more] = part.split("@");
  if (more.length > 0) throw invalid("expected at most one @", part);
  const [node, ownSlots] = parseName(left, nodeNamePattern);
  const queues = right === undefined ? defaults.queues : right.split("+");
  return queues.map((text) => {
    const [queue, slots] = parseName(text, queueNamePattern);
    return { node, queue, slots: slots ?? ownSlots ?? defaults.slots };
  });
}

function parseName(text: string, pattern: RegExp): [string, number | undefined] {
  const [name = "", digits, ...more] = text.split(":");
  if (!pattern.test(name) || more.length > 0) throw invalid(`expected ${pattern.source}`, text);
  if (digits === undefined) return [name, undefined];
  const slots = Number(digits);
  if (!/^\d+$/.test(digits) || slots < 1 || slots > 1000) {
    throw invalid("expected 1 to 1000 slots after the colon", text);
  }
  return [name, slots];
}

function invalid(expected: string, came: string): SignalboxError {
  return new SignalboxError(
    "config_invalid",
    `SIGNALBOX_NODES: ${expected}, got ${JSON.stringify(came.slice(0, 80))}`,
  );
}
