/**
 * Completes jobs for nodes that speak only the original's wire format: what they send back on
 * `CHANNEL_RESULT`, our envelope or a bare id, ends the attempt. Every subscriber hears it and
 * tries; the ledger lets one of them through.
 */
import { decodeResults, type Envelope, type ResultMessage } from "../../protocol/wire/messages.ts";
import type { JobLedger } from "../../protocol/ledger/jobs.ts";
import { defaultQueue } from "../../protocol/wire/names.ts";
import type { NodeLedger } from "../../protocol/ledger/nodes.ts";
import type { Delivery } from "../outcome/outbox.ts";

/**
 * How our own results begin, alone or in an array. Messages that look like them are taken for ours
 * unread: every subscriber hears every result, and parsing them all would cost each the work of all.
 */
const own =
  /^\[?\{"v":1,"id":"[^"]+","name":"[^"]+","queue":"[^"]+","node":"[^"]+","token":"[^"]+","attempt":\d+,"state":"/;

/** What foreign completion is given. */
export interface ForeignOptions {
  readonly ledger: Pick<JobLedger, "read" | "nodes">;
  readonly nodeLedger: NodeLedger;
  readonly onStored: (delivery: Delivery) => void;
  readonly onUnreadable: (text: string, reason: string) => void;
}

/** Creates the reader of `CHANNEL_RESULT`. */
export function createForeignResults(options: ForeignOptions) {
  const { ledger, nodeLedger, onStored, onUnreadable } = options;
  /** Bare ids that this process published and will hear back, with how often. */
  const published = new Map<string, number>();

  function forgetOne(id: string): void {
    const count = published.get(id) ?? 0;
    if (count > 1) published.set(id, count - 1);
    else published.delete(id);
  }

  async function complete(envelope: Omit<Envelope, "v">): Promise<void> {
    const { id, name, queue, node, token, attempt } = envelope;
    const result: ResultMessage = {
      v: 1,
      id,
      name,
      queue,
      node,
      token,
      attempt,
      state: "succeeded",
      result: null,
    };
    const text = JSON.stringify(result);
    const ending = { id, token, node, state: "succeeded", text } as const;
    const { entry } = await nodeLedger.finish(queue, [ending], { nodes: [], wasBusy: false });
    if (entry !== null) onStored({ queue, entry, texts: [text] });
  }

  /** Whether a subscriber serves the queue under this node's name. */
  async function isRealNode(node: string, queue: string): Promise<boolean> {
    const [assignments] = await ledger.nodes([queue]);
    return assignments?.value.some((assignment) => assignment.node === node) ?? false;
  }

  /** A bare id says nothing of queue or token: it can only mean the running job of that id. */
  async function completeBare(id: string): Promise<void> {
    const job = await ledger.read(defaultQueue, id);
    if (job?.state !== "running" || job.node === null) return;
    const { node, name } = job;
    if (await isRealNode(node, defaultQueue)) return;
    const token = `${job.accepted}.${job.deliveries}`;
    await complete({ id, name, queue: defaultQueue, node, token, attempt: job.attempts + 1 });
  }

  return {
    /**
     * Gives back a job that came to a node which does not serve its queue: the ledger took the node for a foreign one,
     * as another process listens under its name. It waits until one joins that does serve the queue. Resolves
     * to false where there is no such attempt.
     */
    async refuse({ id, token, node, queue }: Envelope): Promise<boolean> {
      if (await isRealNode(node, queue)) return true;
      const ending = { id, token, node, state: "refused", text: "" } as const;
      const { verdicts } = await nodeLedger.finish(queue, [ending], { nodes: [], wasBusy: false });
      return verdicts[0] !== "fenced";
    },

    /** Call before publishing a bare id. */
    willPublish(id: string): void {
      published.set(id, (published.get(id) ?? 0) + 1);
    },

    /** Call if that failed. */
    hasNotPublished: forgetOne,

    /** Call after each (re)subscription: what was published before is not heard any more. */
    onSubscribed(): void {
      published.clear();
    },

    /** Handles one message of the result channel. */
    async onMessage(text: string): Promise<void> {
      if (own.test(text) && /[}\]]$/.test(text)) return;
      const message = decodeResults(text);
      if (message.kind === "unreadable") {
        onUnreadable(text, message.reason);
      } else if (message.kind === "echo") {
        // A program that listens beside a real node does not speak for it: the handler's result counts.
        for (const envelope of message.envelopes) {
          if (!(await isRealNode(envelope.node, envelope.queue))) await complete(envelope);
        }
      } else if (message.kind === "bare") {
        if (published.has(message.id)) forgetOne(message.id);
        else await completeBare(message.id);
      }
    },
  };
}
