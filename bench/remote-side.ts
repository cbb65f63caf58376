/** The parent's end of a process that runs `side-process.ts`. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { end, tie } from "./children.ts";
import type { Answer, Order, SideOptions } from "./side-process.ts";

/** How long one order may take: a system that lost a job would never answer. */
const answerMs = 60_000;
const program = join(import.meta.dirname, "side-process.ts");

/** A side in a process of its own. */
export interface RemoteSide extends AsyncDisposable {
  /** Sends an order and resolves to its answer; one at a time. @throws Error with the reason of the process */
  readonly ask: <Kind extends Answer["kind"]>(
    order: Order,
    kind: Kind,
  ) => Promise<Extract<Answer, { kind: Kind }>>;
}

/** Starts the process; resolves when it is ready. `SIGNALBOX_BENCH_EXEC` holds extra Node options, such as `--cpu-prof`. */
export async function startSide(options: SideOptions): Promise<RemoteSide> {
  const execArgv = process.env["SIGNALBOX_BENCH_EXEC"]?.split(" ").filter(Boolean) ?? [];
  // An explicit environment keeps out the Node options of a test runner.
  const env = { PATH: process.env["PATH"] ?? "", NODE_ENV: "production" };
  const child = fork(program, [JSON.stringify(options)], { execArgv, env });
  tie(child);
  const name = `${options.contender} ${options.role}`;
  const ask: RemoteSide["ask"] = async (order, kind) => {
    child.send(order);
    return expectAnswer(child, name, kind);
  };
  await expectAnswer(child, name, "ready");
  return {
    ask,
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.send({ kind: "close" } satisfies Order);
      await end(child, 10_000);
    },
  };
}

async function expectAnswer<Kind extends Answer["kind"]>(
  child: ChildProcess,
  name: string,
  kind: Kind,
): Promise<Extract<Answer, { kind: Kind }>> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const late = sleep(answerMs, undefined, { signal }).then((): Answer => {
    return { kind: "failed", reason: `it did not answer within ${answerMs / 1_000} s` };
  });
  const exited = once(child, "exit", { signal }).then(([code]): Answer => {
    return { kind: "failed", reason: `its process ended with ${String(code)}` };
  });
  const answered = once(child, "message", { signal }).then(([answer]) => answer as Answer);
  const answer = await Promise.race([answered, exited, late]);
  waiting.abort();
  await Promise.allSettled([exited, answered, late]);
  if (isOfKind(answer, kind)) return answer;
  const reason = answer.kind === "failed" ? answer.reason : `it answered ${answer.kind}`;
  throw new Error(`${name}: ${reason}`);
}

function isOfKind<Kind extends Answer["kind"]>(
  answer: Answer,
  kind: Kind,
): answer is Extract<Answer, { kind: Kind }> {
  return answer.kind === kind;
}
