/** From a system's name to its two sides. */
import type { Contender, ContenderName } from "./contender.ts";

/** Loads one system without the libraries of the others. */
export async function loadContender(name: ContenderName): Promise<Contender> {
  switch (name) {
    case "signalbox":
      return (await import("./contenders/signalbox.ts")).signalbox;
    case "bullmq":
      return (await import("./contenders/bullmq.ts")).bullmq;
    case "bull":
      return (await import("./contenders/bull.ts")).bull;
    case "bee-queue":
      return (await import("./contenders/bee-queue.ts")).beeQueue;
    case "raw-echo":
      return (await import("./contenders/raw-echo.ts")).rawEcho;
  }
}
