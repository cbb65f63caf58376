/** Waits until a job has ended, whatever ledger it is in. */
import type { Stored } from "../../protocol/wire/record.ts";
import { until } from "./until.ts";

/** Reads job `id` until it has ended; resolves to it. */
export async function untilEnded(
  id: string,
  read: () => Promise<Stored | null>,
  within: number,
): Promise<Stored> {
  const last: { job: Stored | null } = { job: null };
  await until(
    async () => {
      last.job = await read();
      return last.job?.ended !== undefined;
    },
    { within, or: () => `${id} to end; it is ${JSON.stringify(last.job)}` },
  );
  if (last.job === null) throw new Error(`expected ${id} to be known`);
  return last.job;
}
