/**
 * Completes jobs for nodes that speak only the original's wire format: what they send back on `CHANNEL_RESULT`, our
 * envelope or a bare id, ends the attempt. Every subscriber hears it and tries; the ledger accepts one of them.
 */
import type { JobLedger } from "../../protocol/ledger/jobs.ts";
import type { NodeLedger } from "../../protocol/ledger/nodes.ts";
import { type Naming, resultChannel } from "../../protocol/redis/keys.ts";
import type { RedisPort } from "../../protocol/redis/port.ts";
import { itemAt } from "../../protocol/redis/reply.ts";
import { decodeResults, type Envelope, type ResultMessage } from "../../protocol/wire/messages.ts";
import { defaultQueue } from "../../protocol/wire/names.ts";
import type { DeadLetters } from "../intake/dead-letters.ts";
import type { Outbox } from "../outcome/outbox.ts";

/**
 * How a subscriber's results begin, alone or in an array. Messages that look like them are passed over unread: every
 * subscriber hears every result, and parsing them all would cost each the work of all.
 */
const ownResult =
  /^\[?\{"v":1,"id":"[^"]+","name":"[^"]+","queue":"[^"]+","node":"[^"]+","token":"[^"]+","attempt":\d+,"state":"/;

/** See `createForeignResults`. */
export interface ForeignResults {
  /** Handles one message of the result channel. @throws SignalboxError if Redis fails; the job's lease ends then */
  receive(text: string): Promise<void>;
  /**
   * Gives back a job that came to a node which does not serve its queue: the ledger took the node for a foreign one, as
   * another process listens under its name. It waits until a node joins that serves the queue. Repeat-safe.
   * @returns false if there is no such attempt
   * @throws SignalboxError if Redis fails
   */
  refuse(envelope: Envelope): Promise<boolean>;
  /**
   * Publishes a bare id that was run here, and knows it again when it is heard.
   * @throws SignalboxError if it may not have been published
   */
  publishBare(id: string): Promise<void>;
  /** Call after each (re)subscription: what was published before is not heard any more. */
  subscribed(): void;
}

/** What is read of the subscriber. */
export interface ForeignContext {
  readonly naming: Naming;
  readonly redis: RedisPort;
  readonly jobLedger: Pick<JobLedger, "read" | "nodes">;
  readonly nodeLedger: Pick<NodeLedger, "finish">;
  readonly outbox: Pick<Outbox, "add">;
}

/** Which parts are called. */
export interface ForeignParts {
  readonly deadLetters: Pick<DeadLetters, "keepUnreadable">;
}

/** Creates the reader of `CHANNEL_RESULT`. */
export function createForeignResults(
  { naming, redis, jobLedger, nodeLedger, outbox }: ForeignContext,
  { deadLetters }: ForeignParts,
): ForeignResults {
  const channel = resultChannel(naming);
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
    if (entry !== null) outbox.add({ queue, entry, texts: [text] });
  }

  /** Whether a subscriber serves the queue under this node's name. */
  async function isRealNode(node: string, queue: string): Promise<boolean> {
    const nodes = itemAt(await jobLedger.nodes([queue]), 0, "a queue");
    return nodes.value.some((row) => row.node === node);
  }

  /** A bare id names no queue or token: it can only mean the running job of that id. */
  async function completeBare(id: string): Promise<void> {
    const job = await jobLedger.read(defaultQueue, id);
    if (job?.state !== "running" || job.node === null) return;
    const { node, name } = job;
    if (await isRealNode(node, defaultQueue)) return;
    const token = `${job.accepted}.${job.deliveries}`;
    await complete({ id, name, queue: defaultQueue, node, token, attempt: job.attemptsUsed + 1 });
  }

  return {
    async receive(text) {
      if (ownResult.test(text) && /[}\]]$/.test(text)) return;
      const message = decodeResults(text);
      if (message.kind === "unreadable") {
        deadLetters.keepUnreadable(channel, Buffer.from(text), message.reason);
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

    async refuse({ id, token, node, queue }) {
      if (await isRealNode(node, queue)) return true;
      const ending = { id, token, node, state: "refused", text: "" } as const;
      const { verdicts } = await nodeLedger.finish(queue, [ending], { nodes: [], wasBusy: false });
      return itemAt(verdicts, 0, "a verdict") !== "fenced";
    },

    async publishBare(id) {
      published.set(id, (published.get(id) ?? 0) + 1);
      try {
        await redis.send([{ command: ["PUBLISH", channel, id] }]);
      } catch (error) {
        forgetOne(id);
        throw error;
      }
    },

    subscribed() {
      published.clear();
    },
  };
}
