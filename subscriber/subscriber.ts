/**
 * A subscriber: hosts nodes, runs their jobs, sends the outcomes. This file only puts the parts together, each after the
 * parts that it calls. The path of a job:
 *
 * 1. `connection/listener.ts`: Redis publishes a message on a node's channel → `receiver.receive`
 * 2. `intake/intake.ts`: reads it → `membership/inbox.ts`: is it for this process? → `executor.start`
 * 3. `attempt/executor.ts`: holds the attempt and its lease → `attempt/runner.ts`: runs the handler
 * 4. `attempt/executor.ts` (`follow`): outcome → `attempt/ending.ts` → `endings.add`
 * 5. `outcome/finisher.ts`: one call to the ledger stores the endings and answers the next jobs → `executor.start`
 * 6. `outcome/outbox.ts`: delivers the stored results to the callback
 *
 * Its states:
 *
 * - `starting`: connecting. Jobs that are sent meanwhile come with the first join.
 * - `listening`: entered at the first join. Lost connections are replaced; running jobs go on.
 * - `draining`: entered by `stop`; see `drain.ts`. Nothing new starts; running attempts end and are sent.
 * - `stopped`: nothing runs, results are delivered as far as the callback took them, connections are closed.
 */
import { createExecutor } from "./attempt/executor.ts";
import { createRenewer } from "./attempt/renewer.ts";
import { createCommandConnection } from "./connection/command-connection.ts";
import { createListener } from "./connection/listener.ts";
import { createSubscriberContext, type SubscriberOptions } from "./context.ts";
import { createDrain, type DrainResult } from "./drain.ts";
import { createDueTimer } from "./due/due-timer.ts";
import { createRunDue } from "./due/run-due.ts";
import { createBareIds } from "./foreign/bare-ids.ts";
import { createForeignResults } from "./foreign/foreign-results.ts";
import { channelsOf } from "./intake/channels.ts";
import { createDeadLetters } from "./intake/dead-letters.ts";
import { createIntake } from "./intake/intake.ts";
import { createRefusals } from "./intake/refusals.ts";
import { createInbox } from "./membership/inbox.ts";
import { createJoiner } from "./membership/joiner.ts";
import { createLeaver } from "./membership/leaver.ts";
import { createFinishers } from "./outcome/finisher.ts";

/** A subscriber at one Redis server, or at one master of a Cluster. */
export interface Subscriber {
  /** Connects, subscribes and joins; goes on trying by itself. The event `listening` tells when jobs can come. */
  start(): void;
  /** Drains: takes no more jobs, ends those that run, delivers, closes. Repeated, answers the same promise. */
  stop(): Promise<DrainResult>;
  /** After `stop`: aborts the handlers that still run and gives their jobs back. */
  abort(): void;
}

/** Puts a subscriber together; nothing is connected before `start`. */
export function createSubscriber(options: SubscriberOptions): Subscriber {
  const { commands, subscription, info } = options;
  const context = createSubscriberContext(options);
  const { config, log, outbox } = context;

  const deadLetters = createDeadLetters(context);
  const foreign = createForeignResults(context, { deadLetters });
  const refusals = createRefusals(context, { deadLetters, foreign });
  const bareIds = createBareIds(context, { deadLetters, foreign });

  const renewer = createRenewer(context);
  const executor = createExecutor(context, { renewer, refusals });
  const finishers = createFinishers(context, { executor, deadLetters });

  const channels = channelsOf(context);
  const listener = createListener({ redis: subscription, channels, pingMs: config.pingMs, log });
  const inbox = createInbox(context, { executor, finishers });
  const joiner = createJoiner(context, { inbox, listener });
  const leaver = createLeaver(context);
  const dueTimer = createDueTimer(context, { runDue: createRunDue(context) });
  const intake = createIntake(context, {
    inbox,
    joiner,
    dueTimer,
    foreign,
    bareIds,
    refusals,
    deadLetters,
  });
  const commandConnection = createCommandConnection(context, { commands, info, joiner });

  const drain = createDrain(context, {
    leaver,
    listener,
    bareIds,
    stoppedInOrder: [outbox, renewer, dueTimer, listener, commandConnection],
  });
  return {
    start(): void {
      commandConnection.start();
      listener.start(intake);
    },
    stop: drain.stop,
    abort: drain.abort,
  };
}
