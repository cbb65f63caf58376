/** Signals of the operating system: the first drains, the second gives the running jobs back. */
import type { Logger } from "pino";
import type { Subscriber } from "./subscriber.ts";

/**
 * Installs the handlers of SIGTERM and SIGINT; after the drain the process exits with 0, or with 1 if jobs were given
 * back. The returned function drains for another reason, and `drained` is then the exit code in place of 0. It does not
 * count as a signal: the supervisor of a subscriber whose node was taken over sends one right after.
 */
export function stopOnSignals(
  target: NodeJS.Process,
  subscriber: Pick<Subscriber, "stop" | "abort">,
  log: Logger,
): (drained?: number) => void {
  let isStopping = false;
  let signals = 0;

  function stop(drained = 0): void {
    if (isStopping) return;
    isStopping = true;
    log.info("draining: taking no more jobs, ending those that run");
    void subscriber.stop().then((ended) => {
      log.info(ended === "drained" ? "drained" : "stopped; jobs that still ran were given back");
      target.exit(ended === "drained" ? drained : 1);
    });
  }

  function onSignal(): void {
    signals++;
    if (signals === 1) {
      stop();
      return;
    }
    log.warn("second signal: aborting the running jobs and giving them back");
    subscriber.abort();
  }

  target.on("SIGTERM", onSignal);
  target.on("SIGINT", onSignal);
  return stop;
}
