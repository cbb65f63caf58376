/** Signals → drain → abort. The first signal drains, the second gives the running jobs back. */
import type { Logger } from "pino";
import type { Subscriber } from "./subscriber.ts";

/**
 * Installs the handlers; the returned function drains for another reason, and is not counted as a signal: a
 * subscriber whose node was taken over is told to stop by its supervisor right after. `drained` is the exit code
 * where all ended in time.
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
      log.info(ended === "drained" ? "drained" : "stopped; what still ran was given back");
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
