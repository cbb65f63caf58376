/** `signalbox dev`, `subscribe` and `gateway`: long-running programs that take their settings from the environment. */
import type { Command } from "commander";

interface DevFlags {
  readonly app?: string;
  readonly mount?: string;
  readonly handlers?: string;
  readonly port?: string;
  readonly demo?: true;
}

/** Adds the commands. */
export function addStackCommands(program: Command): void {
  program
    .command("dev")
    .summary("run the whole stack on this machine")
    .description(
      "Starts Redis (or uses REDIS_URL), gateway, function, subscriber and clock, and runs them until Ctrl-C. Uses the " +
        "redis-server of this machine, or installs one. Function and subscriber take their settings from the environment.",
    )
    .option(
      "--app <module>",
      "the module of your Worker, served in Node; without it, Signalbox itself",
    )
    .option("--mount <path>", "the path where that module mounts Signalbox; / if not given")
    .option("--handlers <module>", "the module with your handlers; the examples if not given")
    .option("--port <port>", "the port of the function; 8787 or a free one if not given")
    .option("--demo", "run the demonstration first")
    .action(async ({ app, mount, handlers, port, demo }: DevFlags) => {
      if (handlers !== undefined) process.env["SIGNALBOX_HANDLERS"] = handlers;
      if (port !== undefined) process.env["PORT"] = port;
      const { runStack } = await import("../local/run-stack.ts");
      const args = [
        ...(demo === true ? [] : ["--no-demo"]),
        ...(app === undefined ? [] : ["--app", app]),
        ...(mount === undefined ? [] : ["--mount", mount]),
      ];
      process.exit(await runStack(args));
    });
  program
    .command("subscribe")
    .summary("run a subscriber, the process that runs jobs")
    .description(
      "Takes its settings from the environment: REDIS_URL, SIGNALBOX_NODES, SIGNALBOX_HANDLERS and more; see docs/configuration.md. " +
        "Exit codes: 0 all running jobs ended, 1 some were given back, 2 invalid settings.",
    )
    .option("--handlers <module>", "the module with your handlers")
    .option("--nodes <names>", "the nodes to host, such as 1,2,3")
    .action(
      async ({ handlers, nodes }: { readonly handlers?: string; readonly nodes?: string }) => {
        if (handlers !== undefined) process.env["SIGNALBOX_HANDLERS"] = handlers;
        if (nodes !== undefined) process.env["SIGNALBOX_NODES"] = nodes;
        await import("../subscriber/main.ts");
      },
    );
  program
    .command("gateway")
    .summary("run the REST API in front of your own Redis")
    .description(
      "Takes its settings from the environment: REDIS_URL, UPSTASH_REDIS_REST_TOKEN, HOST, PORT, GATEWAY_MAX_BODY_BYTES.",
    )
    .action(async () => {
      await import("../gateway/main.ts");
    });
}
