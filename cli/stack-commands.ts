/** `signalbox dev`, `subscribe` and `gateway`: programs of their own, which read the environment. */
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
      "Starts Redis (or uses REDIS_URL), gateway, function, subscriber and clock, until Ctrl-C. Redis is found, or " +
        "installed where the machine allows it. Takes the settings of function and subscriber from the environment.",
    )
    .option("--app <module>", "the Worker's module, served in Node; Signalbox alone if not given")
    .option("--mount <path>", "where that module mounts Signalbox, if not at /")
    .option("--handlers <module>", "the module with your handlers; examples if not given")
    .option("--port <port>", "of the function; 8787, or a free one")
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
    .summary("run a subscriber: the process that runs jobs")
    .description(
      "Settings come from the environment: REDIS_URL, SIGNALBOX_NODES, SIGNALBOX_HANDLERS and more; see docs/configuration.md. " +
        "Exit codes: 0 drained, 1 jobs given back, 2 misconfigured.",
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
    .summary("run the REST API in front of a Redis of your own")
    .description(
      "Settings come from the environment: REDIS_URL, UPSTASH_REDIS_REST_TOKEN, HOST, PORT, GATEWAY_MAX_BODY_BYTES.",
    )
    .action(async () => {
      await import("../gateway/main.ts");
    });
}
