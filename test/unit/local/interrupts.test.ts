/** Which signal ends the stack gracefully, and which immediately. */
import { EventEmitter } from "node:events";
import { describe, it } from "vitest";
import { parentGone, watchInterrupts } from "../../../local/interrupts.ts";

function interrupts() {
  const process_ = new EventEmitter();
  const forced: string[] = [];
  const time = { ms: 0 };
  const watched = watchInterrupts(
    process_,
    (signal) => forced.push(signal),
    () => time.ms,
  );
  return { process_, forced, time, watched };
}

describe("interrupts", () => {
  it.for(["SIGINT", "SIGTERM", "SIGHUP"])(
    "asks for a good end at the first %s",
    async (signal, { expect }) => {
      const { process_, forced, watched } = interrupts();
      process_.emit(signal);
      await expect(watched.first).resolves.toBe(signal);
      expect(forced).toEqual([]);
    },
  );

  it("takes a repetition within half a second for the same key press", ({ expect }) => {
    const { process_, forced, time } = interrupts();
    process_.emit("SIGINT");
    time.ms = 500;
    process_.emit("SIGINT");
    expect(forced).toEqual([]);
  });

  it("forces the end at a later one", ({ expect }) => {
    const { process_, forced, time } = interrupts();
    process_.emit("SIGINT");
    time.ms = 501;
    process_.emit("SIGTERM");
    expect(forced).toEqual(["SIGTERM"]);
  });

  it("notices that the parent process is another one", async ({ expect }) => {
    const process_ = { ppid: 7 };
    let looks = 0;
    await parentGone(process_, () => {
      looks += 1;
      if (looks === 3) process_.ppid = 1;
      return Promise.resolve();
    });
    expect(looks).toBe(3);
  });
});
