/** The supervisor with real child processes: readiness, output, ends, and nothing left behind. */
import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, describe, it } from "vitest";
import type { Child, ChildSpec } from "../../../local/child.ts";
import { isPortFree } from "../../../local/ports.ts";
import {
  createSupervisor,
  describeExit,
  type ServiceSpec,
  type Supervisor,
} from "../../../local/supervisor.ts";
import { until } from "../../support/until.ts";

const lines: string[] = [];
const supervisors: Supervisor[] = [];

function supervise(): Supervisor {
  const supervisor = createSupervisor((name, line) => lines.push(`${name}: ${line}`));
  supervisors.push(supervisor);
  return supervisor;
}

afterEach(async () => {
  await Promise.all(supervisors.splice(0).map((supervisor) => supervisor.stop()));
  lines.length = 0;
});

/** A child program from source text. It is ready when it writes "ready"; the value is what follows that. */
function program(
  name: string,
  source: string,
  more: Partial<ServiceSpec<string>> = {},
): ServiceSpec<string> {
  const spec: ChildSpec = { name, command: process.execPath, args: ["-e", source], cwd: "." };
  return { ...spec, readyWithinMs: 10_000, ready: untilReady, ...more };
}

function untilReady(child: Child): Promise<string> {
  return new Promise((resolve) => {
    child.onLine((line) => {
      if (line.startsWith("ready")) resolve(line.slice("ready".length).trim());
    });
  });
}

const STAYS = `setInterval(() => {}, 1000);`;
const READY = `console.log("ready");`;
/** Starts a grandchild that listens on a port and ignores SIGTERM; its value is the port. */
const HAS_GRANDCHILD = `
  const source = \`
    process.on("SIGTERM", () => {});
    const server = require("node:net").createServer().listen(0, "127.0.0.1", () => {
      console.log("ready " + server.address().port);
    });\`;
  require("node:child_process").spawn(process.execPath, ["-e", source], { stdio: "inherit" });
`;

async function untilFree(port: number): Promise<void> {
  await until(() => isPortFree(port), { within: 30_000, or: `port ${port} to be free` });
}

describe("the supervisor", () => {
  it("resolves with what readiness gave, and shows every line by name", async ({ expect }) => {
    const supervisor = supervise();
    const source = `console.log("one\\n\\ntwo"); console.error("three"); console.log("ready 7");`;
    await expect(supervisor.start(program("a", source + STAYS))).resolves.toBe("7");
    await supervisor.stop();
    expect(lines.toSorted()).toEqual(["a: one", "a: ready 7", "a: three", "a: two"]);
  });

  it("shows nothing before readiness of a quiet one, and no noise", async ({ expect }) => {
    const supervisor = supervise();
    const source = `console.log("banner");
      process.on("SIGTERM", () => { console.log("GET / 200\\nbye"); process.exit(); });${READY}`;
    await supervisor.start(
      program("a", source + STAYS, {
        isQuietAtStart: true,
        isNoise: (line) => line.startsWith("GET"),
      }),
    );
    await supervisor.stop();
    expect(lines).toEqual(["a: bye"]);
  });

  it("ends the last started first, each before the next", async ({ expect }) => {
    const supervisor = supervise();
    const source = `process.on("SIGTERM", () => { console.log("end"); process.exit(); });`;
    await supervisor.start(program("first", source + READY + STAYS));
    supervisor.own({
      name: "own",
      stop: () => {
        lines.push("own: end");
        return Promise.resolve();
      },
    });
    await supervisor.start(program("last", source + READY + STAYS));
    await Promise.all([supervisor.stop(), supervisor.stop()]);
    expect(lines.filter((line) => line.endsWith("end"))).toEqual([
      "last: end",
      "own: end",
      "first: end",
    ]);
  });

  it("goes from one signal to the next, and then kills", async ({ expect }) => {
    const supervisor = supervise();
    const source = `for (const signal of ["SIGTERM", "SIGINT"])
      process.on(signal, () => console.log(signal));`;
    await supervisor.start(
      program("a", source + READY + STAYS, {
        stopSteps: [
          { signal: "SIGTERM", waitMs: 200 },
          { signal: "SIGINT", waitMs: 200 },
        ],
      }),
    );
    await supervisor.stop();
    expect(lines).toEqual(["a: ready", "a: SIGTERM", "a: SIGINT"]);
  });

  it("leaves no grandchild behind when it stops", async ({ expect }) => {
    const supervisor = supervise();
    const port = Number(await supervisor.start(program("a", HAS_GRANDCHILD + STAYS)));
    await expect(isPortFree(port)).resolves.toBe(false);
    await supervisor.stop();
    await untilFree(port);
  });

  it("leaves no grandchild behind when the child is killed", async ({ expect }) => {
    const supervisor = supervise();
    const source = `console.error("pid " + process.pid);` + HAS_GRANDCHILD + STAYS;
    const port = Number(await supervisor.start(program("a", source)));
    const pid = Number(lines.find((line) => line.startsWith("a: pid"))?.split(" ")[2]);
    process.kill(pid, "SIGKILL");
    await expect(supervisor.died).resolves.toMatchObject({ name: "a", how: "SIGKILL ended it" });
    await untilFree(port);
  });

  it("leaves no grandchild behind when it kills everything immediately", async () => {
    const supervisor = supervise();
    const port = Number(await supervisor.start(program("a", HAS_GRANDCHILD + STAYS)));
    supervisor.kill();
    await untilFree(port);
  });

  it("tells which part died, how, and its last lines", async ({ expect }) => {
    const supervisor = supervise();
    await supervisor.start(program("steady", READY + STAYS));
    const source = `for (let n = 0; n < 30; n++) console.log("line " + n);
      process.exitCode = 3;`;
    await supervisor.start(program("weak", READY + source));
    const exit = await supervisor.died;
    expect(exit).toMatchObject({ name: "weak", how: "it ended with exit code 3" });
    const text = describeExit(exit);
    expect(text).toContain("weak failed: it ended with exit code 3. Its last lines:\n  line 10\n");
    expect(text).toMatch(/line 29$/);
  });

  it("treats a problem that a watch finds as a death", async ({ expect }) => {
    const supervisor = supervise();
    await supervisor.start(
      program("a", READY + STAYS, { watch: () => Promise.resolve("it does not answer") }),
    );
    await expect(supervisor.died).resolves.toMatchObject({ name: "a", how: "it does not answer" });
  });

  it("does not call a stop a death", async ({ expect }) => {
    const supervisor = supervise();
    await supervisor.start(program("a", READY + STAYS));
    await supervisor.stop();
    await expect(Promise.race([supervisor.died, Promise.resolve("alive")])).resolves.toBe("alive");
  });

  it.for([
    ["ends", `console.error("no port"); process.exit(2);`, /a could not.*exit code 2[^]*no port/],
    ["cannot be run", undefined, /a could not be started.*ENOENT[^]*said nothing/],
    ["is not ready in time", STAYS, /a was not ready within 0.3 seconds/],
  ] as const)(
    "throws when a child %s instead of being ready",
    async ([, source, message], { expect }) => {
      const supervisor = supervise();
      const spec =
        source === undefined
          ? program("a", "", { command: "/no/such/program" })
          : program("a", source, source === STAYS ? { readyWithinMs: 300 } : {});
      await expect(supervisor.start(spec)).rejects.toThrow(message);
    },
  );

  it("gives up a start that is under way when it is stopped", async ({ expect }) => {
    const supervisor = supervise();
    const start = supervisor.start(program("a", STAYS));
    const outcome = expect(start).rejects.toThrow();
    await supervisor.stop();
    await outcome;
    await expect(supervisor.start(program("b", STAYS))).rejects.toThrow("being stopped");
  });
});

describe("isPortFree", () => {
  it("tells a port that is taken from one that is not", async ({ expect }) => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(isPortFree(port)).resolves.toBe(false);
    server.close();
    await once(server, "close");
    await expect(isPortFree(port)).resolves.toBe(true);
  });
});
