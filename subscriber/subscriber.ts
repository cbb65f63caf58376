/**
 * A subscriber: hosts nodes, runs their jobs, sends the outcomes. Its states:
 *
 * - `starting`: connecting; jobs sent meanwhile come with the first join.
 * - `listening`: entered at the first join. Lost connections are made anew; running jobs go on.
 * - `draining`: entered by `stop`. The assignments have left; running attempts end and are sent.
 * - `stopped`: nothing runs; results delivered as far as the callback let us; connections closed.
 */
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { decodeDispatch } from "../protocol/wire/messages.ts";
import { controlChannel, dispatchChannel, resultChannel } from "../protocol/redis/keys.ts";
import type { JobVerifier } from "../protocol/signing/job.ts";
import { createJobLedger } from "../protocol/ledger/jobs.ts";
import { createNodeLedger } from "../protocol/ledger/nodes.ts";
import { createScheduleLedger } from "../protocol/ledger/schedules.ts";
import { createMaintenance } from "../protocol/ledger/maintenance.ts";
import { createAttempts } from "./attempt/attempts.ts";
import { createBareRunner } from "./foreign/bare-ids.ts";
import type { Config } from "./config/config.ts";
import { createDeadLetters } from "./intake/dead-letters.ts";
import type { SubscriberEvents } from "./events.ts";
import { createExecutor, nameOf } from "./attempt/executor.ts";
import { createFinisher, type Finisher } from "./outcome/finisher.ts";
import { createForeignResults } from "./foreign/foreign-results.ts";
import { createRedisPort } from "./connection/ioredis.ts";
import { createIntake } from "./intake/intake.ts";
import { createJoiner } from "./membership/joiner.ts";
import { createRenewer } from "./attempt/renewer.ts";
import { createListener } from "./connection/listener.ts";
import { createDueTimer } from "./due/due-timer.ts";
import type { Outbox } from "./outcome/outbox.ts";
import { singleServer, type ClusterShare } from "./cluster/share.ts";
import { checkRedis } from "./connection/redis-check.ts";
import { createRefusals } from "./intake/refusals.ts";
import type { HandlerModule } from "./attempt/runner.ts";
import { createAssignment } from "./membership/assignment.ts";
import { sleep } from "./connection/sleep.ts";
import { createRunDue } from "./due/run-due.ts";

/** What a subscriber is given. The subscriber connects what is not connected yet, and closes both connections. */
export interface SubscriberOptions {
  readonly config: Config;
  readonly module: HandlerModule;
  readonly commands: Redis;
  readonly subscription: Redis;
  readonly outbox: Outbox;
  readonly events: SubscriberEvents;
  readonly log: Logger;
  /** Has only those jobs run that it lets pass. @default all */
  readonly verify?: JobVerifier | undefined;
  /** Its part of the process's work. @default all of it */
  readonly share?: ClusterShare;
  /** What Redis answered to `INFO`, if it was asked already. */
  readonly info?: string;
}

/** See `createSubscriber`. */
export type Subscriber = ReturnType<typeof createSubscriber>;

/** Creates the subscriber; `start` connects. */
export function createSubscriber(options: SubscriberOptions) {
  const {
    config,
    module,
    commands,
    subscription,
    outbox,
    events,
    log,
    share = singleServer,
  } = options;
  const { naming, timing } = config;
  const redis = createRedisPort(commands, share.onMoved);
  const ledger = createJobLedger({ redis, naming, timing });
  const nodeLedger = createNodeLedger({ redis, naming, timing });
  const maintenance = createMaintenance({ redis, naming, timing });
  const schedules = createScheduleLedger({ redis, naming, timing });
  const assignments = config.assignments.map(createAssignment);
  const queues = [...new Set(assignments.map((assignment) => assignment.queue))];
  /** The home hears all nodes of the process. */
  const hosted = share.isHome ? [...config.assignments, ...share.elsewhere] : config.assignments;
  const nodeNames = [...new Set(hosted.map(({ node }) => node))];
  const attempts = createAttempts();
  const stopping = new AbortController();
  const deadLetter = createDeadLetters(redis, naming, events);
  const refusals = createRefusals({
    ...{ naming, deadLetter, log, verify: options.verify },
    giveBack: (envelope) => foreign.refuse(envelope),
  });
  const renewer = createRenewer({
    ledger: nodeLedger,
    attempts,
    timing,
    events,
    onLost: (attempt) => {
      executor.lose(attempt);
    },
  });
  const runDue = createRunDue({ maintenance, schedules, events });
  const dueTimer = createDueTimer({ maintenance, runDue, queues, timing, events });
  const executor = createExecutor({
    module,
    assignments,
    attempts,
    events,
    log,
    maxResultBytes: config.maxResultBytes,
    verify: refusals.verify,
    ledger: nodeLedger,
    firstRenewal: renewer.firstRenewal,
    onStarted: (attempt) => {
      renewer.started(attempt);
    },
    onEnded: (queue, ending) => finishers.get(queue)?.add(ending),
  });
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
    ...{ assignments, share, events },
    onEnvelope: executor.accept,
    onUnserved: refusals.unserved,
    onWaiting: (assignment) => finishers.get(assignment.queue)?.fetch(),
    onRejoin: () => {
      joiner.join();
    },
    onCancel: executor.cancel,
    onDue: dueTimer.watch,
    onBare: refusals.bare((node, id) => bareRunners.get(node)?.add(id)),
    onResults: (text) => {
      foreign.onMessage(text).catch((error: unknown) => {
        log.warn({ reason: String(error) }, "foreign result not completed; its lease will end");
      });
    },
    deadLetter,
  });
  const joiner = createJoiner({
    ledger: nodeLedger,
    assignments,
    attempts,
    events,
    info: JSON.stringify({ host: config.host, pid: process.pid }),
    onJoined: intake.joined,
    onLost: executor.lose,
    onNoListener: () => {
      listener.resubscribe();
    },
    signal: stopping.signal,
  });
  const listener = createListener({
    redis: subscription,
    channels: [
      ...nodeNames.map((node) => dispatchChannel(naming, node)),
      ...(share.isHome ? [resultChannel(naming)] : []),
      controlChannel(naming),
    ],
    pingMs: config.pingMs,
    onMessage: intake.receive,
    onSubscribed: () => {
      foreign.onSubscribed();
      joiner.join();
      // What became due while nobody was told of it.
      for (const queue of queues) {
        dueTimer.watch("due", queue, 0);
        dueTimer.watch("lease", queue, 0);
      }
    },
    onLost: () => {
      if (!stopping.signal.aborted) events.emit("disconnected");
    },
    onError: (error) => {
      log.debug({ reason: error.message }, "subscribing connection");
    },
  });
  /** Proves the connection for commands alive: else the first job after a rest finds it dead. */
  let heartbeat: NodeJS.Timeout | undefined;
  let stopped: Promise<"drained" | "aborted"> | undefined;

  function createQueueFinisher(queue: string): Finisher {
    return createFinisher({
      ledger: nodeLedger,
      queue,
      assignments: new Map(
        assignments
          .filter((assignment) => assignment.queue === queue)
          .map((assignment) => [assignment.node, assignment]),
      ),
      events,
      onVerdict: (of, member, verdict) => {
        const attempt = attempts.remove(of, member);
        if (verdict === "fenced" && attempt !== undefined)
          events.emit("attempt:fenced", nameOf(attempt.envelope));
      },
      onNext: (envelopes) => {
        for (const text of envelopes) {
          const message = decodeDispatch(text);
          if (message.kind === "jobs") message.envelopes.forEach(executor.accept);
          else deadLetter("finish", Buffer.from(text), "expected the envelope of a job");
        }
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
      slots: Math.max(
        ...hosted
          .filter((assignment) => assignment.node === node)
          .map((assignment) => assignment.slots),
      ),
      run: (id) => executor.runBare(node, id),
      publish: async (id) => {
        foreign.willPublish(id);
        try {
          await redis.send([{ command: ["PUBLISH", resultChannel(naming), id] }]);
        } catch (error) {
          foreign.hasNotPublished(id);
          throw error;
        }
      },
      refuse: (id, reason) => {
        deadLetter(channel, Buffer.from(id), reason);
      },
    });
  }

  async function leaveAll(step: "draining" | "gone"): Promise<void> {
    const left = assignments.map(async (assignment) => {
      const { node, queue, epoch } = assignment;
      if (assignment.phase === "superseded" || epoch === null) return;
      assignment.phase = "left";
      await nodeLedger.leave(queue, { node, epoch }, step);
    });
    for (const { status, ...rest } of await Promise.allSettled(left)) {
      if (status === "fulfilled") continue;
      log.warn(
        { step, reason: JSON.stringify(rest) },
        "could not leave; found out when the node is next used",
      );
    }
  }

  async function drain(): Promise<"drained" | "aborted"> {
    await leaveAll("draining");
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
      executor.abortAll();
      const lastMoment = new AbortController();
      await Promise.race([attempts.empty(), sleep(5_000, lastMoment.signal)]);
      lastMoment.abort();
    }
    await outbox.flush(ended === "drained" ? 10_000 : 2_000);
    // In this order: a node without a assignment that still listens is taken for a stranger.
    await listener.silence();
    await leaveAll("gone");
    stopping.abort();
    outbox.stop();
    renewer.stop();
    dueTimer.stop();
    clearInterval(heartbeat);
    listener.stop();
    commands.disconnect();
    return ended;
  }

  const { promise: aborted, resolve: endNow } = Promise.withResolvers<"aborted">();

  return {
    /** Connects, subscribes and joins; goes on trying. `listening` tells when jobs can come. */
    start(): void {
      let isFirst = true;
      const onReady = (): void => {
        if (isFirst)
          checkRedis({
            redis,
            events,
            info: options.info,
            allowsEviction: config.allowsEviction,
          }).catch(() => undefined); // INFO may be forbidden: then nothing is known
        else joiner.join();
        isFirst = false;
      };
      commands.on("ready", onReady);
      if (commands.status === "ready") onReady();
      commands.on("error", (error: Error) => {
        log.debug({ reason: error.message }, "command connection");
      });
      heartbeat = setInterval(() => {
        if (commands.status === "ready") redis.send([{ command: ["PING"] }]).catch(() => undefined);
      }, config.pingMs);
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
      endNow("aborted");
    },
  };
}
