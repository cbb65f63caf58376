/**
 * The chain catalogue → client → handlers → schedules → events, as the compiler sees it: what must compile, what
 * must not, and which types come out. `npm run types` is the check; run, the bodies of the calls are never entered.
 */
import { describe, expectTypeOf, test } from "vitest";
import * as z from "zod";
import { type Client, createClient, type Order, type Receipt } from "../../client/index.ts";
import { declare } from "../../functions/index.ts";
import {
  defineCatalog,
  type Handlers,
  type InputOf,
  type Json,
  type PayloadOf,
  type ResultOf,
} from "../../protocol/index.ts";
import {
  type RunContext,
  startSubscriber,
  type SubscriberEventMap,
  type SubscriberEvents,
} from "../../subscriber/index.ts";

const catalog = defineCatalog({
  resize: {
    payload: z.object({ url: z.string(), width: z.number().default(640) }),
    result: z.object({ bytes: z.number() }),
    timeoutMs: 30_000,
  },
  greet: { payload: z.string().default("you"), result: z.string() },
});
type Jobs = typeof catalog;

/** Holds code for the compiler: it is never called. */
function compileOnly(code: (client: Client<Jobs>) => unknown): void {
  expectTypeOf(code).toBeFunction();
}

function takesHandlers(handlers: Handlers<Jobs>): void {
  expectTypeOf(handlers).toBeObject();
}

const env = { REDIS_URL: "redis://127.0.0.1" };

describe("a catalogue", () => {
  test("keeps the types of each job apart: what is dispatched, received and returned", () => {
    expectTypeOf<keyof Jobs>().toEqualTypeOf<"resize" | "greet">();
    expectTypeOf<InputOf<Jobs["resize"]>>().toEqualTypeOf<{
      url: string;
      width?: number | undefined;
    }>();
    expectTypeOf<PayloadOf<Jobs["resize"]>>().toEqualTypeOf<{ url: string; width: number }>();
    expectTypeOf<ResultOf<Jobs["resize"]>>().toEqualTypeOf<{ bytes: number }>();
    expectTypeOf<InputOf<Jobs["greet"]>>().toEqualTypeOf<string | undefined>();
    expectTypeOf<PayloadOf<Jobs["greet"]>>().toEqualTypeOf<string>();
  });

  test("does not compile with an entry that lacks a schema or has a wrong field", () => {
    // @ts-expect-error -- no result
    compileOnly(() => defineCatalog({ a: { payload: z.string() } }));
    // @ts-expect-error -- not a schema
    compileOnly(() => defineCatalog({ a: { payload: "string", result: z.string() } }));
    compileOnly(() =>
      // @ts-expect-error -- a time-out is a number of milliseconds
      defineCatalog({ a: { payload: z.string(), result: z.string(), timeoutMs: "1m" } }),
    );
  });
});

describe("a client with a catalogue", () => {
  test("takes the payload of the job that is named", () => {
    compileOnly((client) => client.dispatch({ name: "resize", payload: { url: "u" } }));
    compileOnly((client) => client.dispatch({ name: "greet" }));
    expectTypeOf<Order<Jobs, "resize">["payload"]>().toEqualTypeOf<InputOf<Jobs["resize"]>>();
    // @ts-expect-error -- the payload has no default
    compileOnly((client) => client.dispatch({ name: "resize" }));
    // @ts-expect-error -- the width is a number
    compileOnly((client) => client.dispatch({ name: "resize", payload: { url: "u", width: "1" } }));
    // @ts-expect-error -- that is the payload of the other job
    compileOnly((client) => client.dispatch({ name: "resize", payload: "you" }));
    // @ts-expect-error -- the catalogue has no such job
    compileOnly((client) => client.dispatch({ name: "shrink", payload: { url: "u" } }));
    // @ts-expect-error -- there is no such option
    compileOnly((client) => client.dispatch({ name: "greet", priority: 1 }));
  });

  test("takes any job of the catalogue in a batch, each with its own payload", () => {
    compileOnly((client) =>
      client.dispatchBatch([{ name: "resize", payload: { url: "u" } }, { name: "greet" }]),
    );
    // @ts-expect-error -- the payload is that of the other job
    compileOnly((client) => client.dispatchBatch([{ name: "resize", payload: "you" }]));
  });

  test("gives back the result of the job that is named", () => {
    compileOnly(async (client) => {
      const result = await client.run({ name: "resize", payload: { url: "u" } });
      expectTypeOf(result).toEqualTypeOf<{ bytes: number }>();
      expectTypeOf(await client.run({ name: "greet" })).toEqualTypeOf<string>();
    });
  });

  test("remembers in the receipt which job was dispatched, for `wait` to know its result", () => {
    compileOnly(async (client) => {
      const receipt = await client.dispatch({ name: "greet" });
      expectTypeOf(receipt).toEqualTypeOf<Receipt<"greet">>();
      const job = await client.wait(receipt);
      expectTypeOf(job.name).toEqualTypeOf<"greet">();
      expectTypeOf(job.result).toEqualTypeOf<string | undefined>();
      expectTypeOf(job.payload).toEqualTypeOf<string | undefined>();
      expectTypeOf(job.state).toEqualTypeOf<"succeeded" | "failed" | "cancelled" | "expired">();
    });
  });

  test("tells the jobs apart by their names where only an id is given", () => {
    compileOnly(async (client) => {
      const job = await client.get("id");
      expectTypeOf(job.name).toEqualTypeOf<"resize" | "greet">();
      if (job.name === "resize")
        expectTypeOf(job.result).toEqualTypeOf<{ bytes: number } | undefined>();
      else expectTypeOf(job.result).toEqualTypeOf<string | undefined>();
    });
  });

  test("ends a watched job with the typed result", () => {
    compileOnly(async (client) => {
      for await (const { event, data } of client.watch("id")) {
        if (event === "result" && data.name === "greet")
          expectTypeOf(data.result).toEqualTypeOf<string | undefined>();
        if (event === "progress") expectTypeOf(data.progress).toEqualTypeOf<Json>();
      }
    });
  });

  test("takes the payload of the job that a schedule makes", () => {
    compileOnly((client) => client.schedules.put("s", { name: "greet", cron: "@daily" }));
    // @ts-expect-error -- the payload has no default
    compileOnly((client) => client.schedules.put("s", { name: "resize", cron: "@daily" }));
    // @ts-expect-error -- the catalogue has no such job
    compileOnly((client) => client.schedules.put("s", { name: "shrink", everyMs: 1_000 }));
  });
});

describe("a client without a catalogue", () => {
  test("takes any name and payload, and gives back what nobody has checked", () => {
    compileOnly(async () => {
      const client = createClient({ url: "http://127.0.0.1", token: "t" });
      const result = await client.run({ name: "anything", payload: [1] });
      expectTypeOf(result).toEqualTypeOf<unknown>();
    });
  });
});

describe("handlers", () => {
  const resize = ({ width }: { width: number }) => ({ bytes: width });
  const greet = (whom: string) => Promise.resolve(`hello ${whom}`);

  test("are one function for each job, given its payload, returning its result or a promise of it", () => {
    const handlers = { resize, greet } satisfies Handlers<Jobs>;
    expectTypeOf(handlers).toExtend<Handlers<Jobs>>();
    expectTypeOf<Parameters<Handlers<Jobs>["resize"]>>().toEqualTypeOf<
      [payload: { url: string; width: number }, context: RunContext]
    >();
    compileOnly(() => startSubscriber({ env, catalog, handlers }));
  });

  test("do not compile if one is missing, too many, or takes or returns something else", () => {
    // @ts-expect-error -- greet is missing
    compileOnly(() => startSubscriber({ env, catalog, handlers: { resize } }));
    // @ts-expect-error -- the catalogue has no such job
    takesHandlers({ resize, greet, shrink: resize });
    // @ts-expect-error -- the result has bytes
    takesHandlers({ resize: () => ({ size: 1 }), greet });
    // @ts-expect-error -- the result of greet is a string
    takesHandlers({ resize, greet: () => Promise.resolve(1) });
    // @ts-expect-error -- the payload is an object
    takesHandlers({ resize: (width: number) => ({ bytes: width }), greet });
  });

  test("take what comes where there is no catalogue", () => {
    compileOnly(() => startSubscriber({ env, handlers: { any: (payload: string) => payload } }));
  });
});

describe("declared schedules", () => {
  test("have the names and payloads of the catalogue", () => {
    compileOnly(() =>
      declare<Jobs>([
        { id: "s", everyMs: 1_000, name: "resize", payload: { url: "u", width: 1 } },
        { id: "t", cron: "@daily", name: "greet", payload: "you" },
      ]),
    );
    // @ts-expect-error -- the catalogue has no such job
    compileOnly(() => declare<Jobs>([{ id: "s", cron: "@daily", name: "shrink", payload: "you" }]));
    // @ts-expect-error -- the payload is that of the other job
    compileOnly(() => declare<Jobs>([{ id: "s", cron: "@daily", name: "resize", payload: "you" }]));
    // @ts-expect-error -- a declared schedule has an id
    compileOnly(() => declare<Jobs>([{ cron: "@daily", name: "greet", payload: "you" }]));
  });

  test("take any name where there is no catalogue", () => {
    compileOnly(() => declare([{ id: "s", cron: "@daily", name: "any" }]));
    // @ts-expect-error -- an id is a string
    compileOnly(() => declare([{ id: 1, cron: "@daily", name: "any" }]));
  });
});

describe("events of a subscriber", () => {
  const on = (code: (events: SubscriberEvents) => void): void => {
    expectTypeOf(code).toBeFunction();
  };

  test("carry the fields of their name", () => {
    on((events) => {
      events.on("attempt:ended", (fields) => {
        expectTypeOf(fields).toEqualTypeOf<SubscriberEventMap["attempt:ended"][0]>();
        expectTypeOf(fields.durationMs).toEqualTypeOf<number>();
        expectTypeOf(fields.code).toEqualTypeOf<string | undefined>();
      });
      events.on("listening", ({ nodes }) => {
        expectTypeOf(nodes).toEqualTypeOf<readonly string[]>();
      });
    });
  });

  test("have no other names or fields", () => {
    on((events) => {
      // @ts-expect-error -- there is no such event
      events.on("attempt:finished", () => undefined);
      // @ts-expect-error -- it carries the nodes
      events.emit("listening");
      // @ts-expect-error -- a count is a number
      events.emit("results:delivered", { count: "1" });
      // @ts-expect-error -- it has no such field
      events.on("disconnected", ({ reason }: { reason: string }) => reason);
    });
  });
});
