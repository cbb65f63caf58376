/**
 * Runs ticks in a separate process, whose log is discarded: `node bench/tick-process.ts <count>`, with the function's
 * variables in its environment. Sends its parent the CPU time of each in milliseconds; the first tick starts cold.
 */
import { createSignalbox } from "../functions/signalbox.ts";

const { scheduled } = createSignalbox();
const cpuMs: number[] = [];
for (let at = 0; at < Number(process.argv[2]); at++) {
  const before = process.threadCpuUsage();
  await scheduled({ scheduledTime: Date.now() }, process.env);
  const { user, system } = process.threadCpuUsage(before);
  cpuMs.push((user + system) / 1_000);
}
process.send?.(cpuMs);
process.disconnect();
