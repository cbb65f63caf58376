/**
 * A subscriber: hosts nodes, runs their jobs, sends the outcomes. Its states:
 *
 * - `starting`: connecting; jobs sent meanwhile come with the first join.
 * - `listening`: entered at the first join. Lost connections are made anew; running jobs go on.
 * - `draining`: entered by `stop`. The seats have left; running attempts end and are sent.
 * - `stopped`: nothing runs; results delivered as far as the callback let us; connections closed.
 */
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Envelope } from "../protocol/codec.ts";
import { dispatchChannel, resultChannel } from "../protocol/keys.ts";
import { createLedger } from "../protocol/ledger.ts";
import { defaultJobName } from "../protocol/names.ts";
import { createNodeLedger, leaseMember } from "../protocol/node-ledger.ts";
import { createAttempts, type Attempt } from "./attempts.ts";
import { createBareRunner } from "./bare.ts";
import type { Config } from "./config.ts";
import { createDeadLetters } from "./dead-letters.ts";
import { endingOf } from "./ending.ts";
import type { SubscriberEvents } from "./events.ts";
import { createExpiryWatch } from "./expiry-watch.ts";
import { createFinisher, type Finisher } from "./finisher.ts";
import { createForeignResults } from "./foreign.ts";
import { createRedisPort } from "./ioredis.ts";
import { createIntake } from "./intake.ts";
import { createJoiner } from "./joiner.ts";
import { createRenewer } from "./lease.ts";
import { createListener } from "./listener.ts";
import type { Outbox } from "./outbox.ts";
import { runAttempt, type AbortCause, type HandlerModule } from "./runner.ts";
import { createSeat, type Seat } from "./seat.ts";
import { sleep } from "./sleep.ts";

/** What a subscriber is given. The connections are not connected yet; the subscriber closes them. */
export interface SubscriberOptions {
  readonly config: Config;
  readonly module: HandlerModule;
  readonly commands: Redis;
  readonly subscription: Redis;
  readonly outbox: Outbox;
  readonly events: SubscriberEvents;
  readonly log: Logger;
}

/** See `createSubscriber`. */
export type Subscriber = ReturnType<typeof createSubscriber>;

/** Creates the subscriber; `start` connects. */
export function createSubscriber(options: SubscriberOptions) {
  const { config, module, commands, subscription, outbox, events, log } = options;
  const { naming, timing } = config;
  const redis = createRedisPort(commands);
  const ledger = createLedger({ redis, naming, timing });
  const nodeLedger = createNodeLedger({ redis, naming, timing });
  const seats = config.seats.map(createSeat);
  const queues = [...new Set(seats.map((seat) => seat.queue))];
  const nodeNames = [...new Set(seats.map((seat) => seat.node))];
  const attempts = createAttempts();
  const stopping = new AbortController();
  const deadLetter = createDeadLetters(redis, naming, events);
  const renewer = createRenewer({
    ledger: nodeLedger,
    attempts,
    timing,
    events,
    onLost: loseAttempt,
  });
  const expiryWatch = createExpiryWatch({ ledger, queues, timing, events });
  const finishers = new Map<string, Finisher>(
    queues.map((queue) => [queue, createQueueFinisher(queue)]),
  );
  const foreign = createForeignResults({
    ledger,
    nodeLedger,
    onStored: outbox.add,
    onUnreadable: (text, reason) => {
      deadLetter(resultChannel(naming), Buffer.from(text), reason);
    },
  });
  const bareRunners = new Map(nodeNames.map((node) => [node, createNodeBareRunner(node)]));
  const intake = createIntake({
    naming,
    seats,
    events,
    onEnvelope: accept,
    onWaiting: (seat) => finishers.get(seat.queue)?.fetch(),
    onBare: (node, id) => bareRunners.get(node)?.add(id),
    onResults: (text) => {
      foreign.onMessage(text).catch((error: unknown) => {
        log.warn({ reason: String(error) }, "foreign result not completed; its lease will end");
      });
    },
    deadLetter,
  });
  const joiner = createJoiner({
    ledger: nodeLedger,
    seats,
    attempts,
    events,
    info: JSON.stringify({ host: config.host, pid: process.pid }),
    onJoined: intake.joined,
    onLost: loseAttempt,
    signal: stopping.signal,
  });
  const listener = createListener({
    redis: subscription,
    channels: [...nodeNames.map((node) => dispatchChannel(naming, node)), resultChannel(naming)],
    pingMs: config.pingMs,
    onMessage: intake.receive,
    onSubscribed: () => void joiner.join(),
    onLost: () => {
      if (!stopping.signal.aborted) events.emit("disconnected");
    },
    onError: (error) => {
      log.debug({ reason: error.message }, "subscribing connection");
    },
  });
  let stopped: Promise<"drained" | "aborted"> | undefined;

  function createQueueFinisher(queue: string): Finisher {
    return createFinisher({
      ledger: nodeLedger,
      queue,
      seats: new Map(seats.filter((seat) => seat.queue === queue).map((seat) => [seat.node, seat])),
      events,
      onVerdict: (of, member, verdict) => {
        const attempt = attempts.remove(of, member);
        if (verdict === "fenced" && attempt !== undefined)
          events.emit("attempt:fenced", nameOf(attempt));
      },
      onNext: (envelopes) => {
        for (const text of envelopes) accept(JSON.parse(text) as Envelope);
      },
      onStored: outbox.add,
      signal: stopping.signal,
    });
  }

  function createNodeBareRunner(node: string) {
    const channel = dispatchChannel(naming, node);
    return createBareRunner({
      node,
      events,
      slots: Math.max(...seats.filter((seat) => seat.node === node).map((seat) => seat.slots)),
      run: async (id) => {
        const envelope: Envelope = {
          v: 1,
          queue: "",
          node,
          token: "",
          attempt: 1,
          id,
          name: defaultJobName,
        };
        const controller = new AbortController();
        const outcome = await runAttempt(envelope, {
          module,
          controller,
          log: log.child({ id, node }),
          onDeaf: () => undefined,
        });
        if (outcome.kind === "failed")
          log.error({ id, node, ...outcome.failure }, "bare id failed");
        return outcome.kind === "done";
      },
      publish: async (id) => {
        foreign.willPublish(id);
        await redis.send([{ command: ["PUBLISH", resultChannel(naming), id] }]);
      },
      refuse: (id, reason) => {
        deadLetter(channel, Buffer.from(id), reason);
      },
    });
  }

  function accept(envelope: Envelope): void {
    const seat = seats.find(
      ({ node, queue }) => node === envelope.node && queue === envelope.queue,
    );
    if (seat === undefined || seat.phase === "superseded" || attempts.has(envelope)) return;
    const attempt: Attempt = {
      envelope,
      seat,
      member: leaseMember(envelope),
      controller: new AbortController(),
      renewAt: renewer.firstRenewal(),
      hasEnded: false,
    };
    attempts.add(attempt);
    renewer.started(attempt);
    expiryWatch.started();
    void run(attempt);
  }

  async function run(attempt: Attempt): Promise<void> {
    const { envelope, controller } = attempt;
    const startedAt = performance.now();
    events.emit("attempt:started", nameOf(attempt));
    const outcome = await runAttempt(envelope, {
      module,
      controller,
      log: log.child(nameOf(attempt)),
      onDeaf: () => {
        events.emit("attempt:deaf", nameOf(attempt));
      },
    });
    attempt.hasEnded = true;
    const durationMs = Math.round((performance.now() - startedAt) * 1000) / 1000;
    const ending = endingOf(envelope, outcome, {
      durationMs,
      maxResultBytes: config.maxResultBytes,
    });
    const code = ending.error?.code;
    events.emit("attempt:ended", {
      ...nameOf(attempt),
      state: ending.state,
      durationMs,
      ...(code === undefined ? {} : { code }),
    });
    // A lost attempt has no lease to end: nothing would come of sending it.
    if (controller.signal.reason === ("lease_lost" satisfies AbortCause))
      attempts.remove(envelope.queue, attempt.member);
    else finishers.get(envelope.queue)?.add(ending);
  }

  function loseAttempt(attempt: Attempt): void {
    events.emit("attempt:lost", nameOf(attempt));
    attempt.controller.abort("lease_lost" satisfies AbortCause);
  }

  async function leaveSeat(seat: Seat): Promise<void> {
    const { phase, epoch } = seat;
    if (phase !== "superseded") seat.phase = "left";
    if (phase !== "live" || epoch === null) return;
    await nodeLedger.leave(seat.queue, seat.node, epoch).catch((error: unknown) => {
      log.warn(
        { node: seat.node, reason: String(error) },
        "could not leave; the node is found gone when next used",
      );
    });
  }

  async function drain(): Promise<"drained" | "aborted"> {
    await Promise.all(seats.map(leaveSeat));
    await listener.settled();
    const idle = Promise.all([
      attempts.empty(),
      ...[...bareRunners.values()].map((bare) => bare.idle()),
    ]);
    const patience = new AbortController();
    const outOfTime = sleep(config.drainMs, patience.signal).then(() => "aborted" as const);
    const ended = await Promise.race([idle.then(() => "drained" as const), outOfTime, aborted]);
    patience.abort();
    if (ended === "aborted") {
      for (const attempt of attempts.list())
        attempt.controller.abort("shutdown" satisfies AbortCause);
      const lastMoment = new AbortController();
      await Promise.race([attempts.empty(), sleep(5_000, lastMoment.signal)]);
      lastMoment.abort();
    }
    await outbox.flush(ended === "drained" ? 10_000 : 2_000);
    stopping.abort();
    outbox.stop();
    renewer.stop();
    expiryWatch.stop();
    listener.stop();
    commands.disconnect();
    return ended;
  }

  let abortNow: () => void = () => undefined;
  const aborted = new Promise<"aborted">((resolve) => {
    abortNow = () => {
      resolve("aborted");
    };
  });

  return {
    /** Connects, subscribes and joins; goes on trying. `listening` tells when jobs can come. */
    start(): void {
      let isFirst = true;
      commands.on("ready", () => {
        if (!isFirst) void joiner.join();
        isFirst = false;
      });
      commands.on("error", (error: Error) => {
        log.debug({ reason: error.message }, "command connection");
      });
      commands.connect().catch(() => undefined); // reported by the error event, and tried again
      listener.start();
    },

    /** Drains: takes no more, ends what runs, delivers, closes. The same promise each time. */
    stop(): Promise<"drained" | "aborted"> {
      stopped ??= drain();
      return stopped;
    },

    /** After `stop`: aborts what still runs and gives the jobs back. */
    abort(): void {
      abortNow();
    },
  };
}

function nameOf({ envelope }: Attempt) {
  const { id, name, queue, node, attempt } = envelope;
  return { id, name, queue, node, attempt };
}
