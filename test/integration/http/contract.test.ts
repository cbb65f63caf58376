/**
 * Requests made only from the document: each answer is one that the document has for that operation, in
 * status, type and form. `SIGNALBOX_CONTRACT_REQUESTS` makes the run longer; see `npm run contract`.
 */
import { createHash } from "node:crypto";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { afterAll, beforeAll, test } from "vitest";
import { openApiDocument } from "../../../functions/openapi/document.ts";
import { runDue } from "../../../protocol/ledger/due.ts";
import { sign } from "../../../protocol/signing/webhook.ts";
import {
  clientToken,
  joinNode,
  type Stack,
  startStack,
  type TestNode,
} from "../../support/http-app.ts";
import { type Schema, valuesOf } from "../../support/schema-values.ts";

const requests = Number(process.env["SIGNALBOX_CONTRACT_REQUESTS"] ?? 600);

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}
interface Operation {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
}

const document = openApiDocument() as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(document, "document");

let stack: Stack;
let node: TestNode;
beforeAll(async () => {
  stack = await startStack({}, { SIGNALBOX_TOKENS: JSON.stringify(limited) });
  node = await joinNode(stack, { name: "1", slots: 3 });
});
afterAll(() => node.close().finally(() => stack.close()));

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const limited = [
  {
    name: "some",
    sha256: sha256("some"),
    scopes: ["read", "dispatch"],
    queues: ["default", "a.b"],
  },
  { name: "other", sha256: sha256("other"), scopes: ["read", "manage"], queues: ["echo"] },
  { name: "hasty", sha256: sha256("hasty"), scopes: ["read"], rateLimit: "1/1h" },
];
/** Whose token is shown: mostly that of who may do everything. */
const shown = fc.oneof(
  { weight: 12, arbitrary: fc.constant(clientToken) },
  { weight: 4, arbitrary: fc.constantFrom("some", "other") },
  { weight: 1, arbitrary: fc.constantFrom("hasty", "unknown") },
);

interface Shot {
  readonly token: string;
  readonly path: string;
  readonly method: string;
  readonly parameters: readonly unknown[];
  readonly body: unknown;
}

const shots: fc.Arbitrary<Shot> = fc.oneof(
  ...Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) =>
      fc.record({
        token: shown,
        path: fc.constant(path),
        method: fc.constant(method),
        parameters: fc.tuple(
          ...parameters.map(({ name, required, schema }) => {
            // The longest wait would only make the run long.
            const value = name === "wait" ? fc.constantFrom("0", "0.001", "x") : valuesOf(schema);
            return required === true ? value : fc.option(value, { nil: undefined, freq: 2 });
          }),
        ),
        body: requestBody === undefined ? fc.constant(undefined) : valuesOf(bodyOf(requestBody)),
      }),
    ),
  ),
);

function bodyOf({ content = {} }: Content): Schema {
  return Object.values(content)[0]?.schema ?? {};
}

async function shoot({ token, path, method, parameters, body }: Shot): Promise<Response> {
  const operation = document.paths[path]?.[method];
  let target = path;
  const query = new URLSearchParams();
  const headers = new Headers({ authorization: `Bearer ${token}` });
  operation?.parameters?.forEach((parameter, at) => {
    const value = parameters[at];
    if (value === undefined) return;
    const text = (typeof value === "string" ? value : JSON.stringify(value)).toWellFormed();
    if (parameter.in === "path") {
      // An empty segment, one of dots, or one that a path of its own has, makes another path of it.
      const filled = target.replace("{id}", () => encodeURIComponent(text));
      const isOther = /^\.{0,2}$/.test(text) || filled in document.paths;
      target = isOther ? target.replace("{id}", "j3") : filled;
    } else if (parameter.in === "query") query.set(parameter.name, text);
    else headers.set(parameter.name, encodeURIComponent(text));
  });
  const text = body === undefined ? undefined : JSON.stringify(body);
  if (path === "/v1/results" && text !== undefined) {
    const signed = await sign(stack.deps.config.signingKeys, {
      id: "m1",
      body: text,
      nowMs: Date.now(),
    });
    for (const [name, value] of Object.entries<string>({ ...signed })) headers.set(name, value);
  }
  const search = query.size === 0 ? "" : `?${query.toString()}`;
  return stack.app.request(target + search, {
    method: method.toUpperCase(),
    headers,
    ...(text === undefined ? {} : { body: text }),
  });
}

/** Gives way to what is due, and ends what runs, so that jobs are met in every state. */
async function stir(failure: boolean): Promise<void> {
  const limits = { dueItems: 50, schedules: 50, runs: 50, evaluations: 100 };
  await runDue(stack, ["default"], limits);
  const members = await stack.redis.zrange("signalbox:{default}:leases", "0", "1");
  const [id = "", token = "", on = ""] = members.find((each) => each !== "watch")?.split(" ") ?? [];
  if (id === "") return;
  const end = failure
    ? { state: "failed" as const, error: { code: "broken", message: "no", retryable: false } }
    : { state: "succeeded" as const, result: 1 };
  const text = { v: 1, id, name: "echo", queue: "default", node: on, token, attempt: 1, ...end };
  await stack.nodes.finish(
    "default",
    [{ id, token, node: on, state: end.state, text: JSON.stringify(text) }],
    { nodes: [{ node: on, mode: on === "1" ? "take" : "pass", waiting: false }], wasBusy: false },
  );
}

const escaped = (part: string) =>
  encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));

test(
  "every answer is one that the document has",
  { timeout: 30_000 + requests * 50 },
  async ({ expect }) => {
    const seen: Record<number, number> = {};
    await fc.assert(
      fc.asyncProperty(shots, fc.option(fc.boolean(), { freq: 4 }), async (shot, failure) => {
        if (failure !== null) await stir(failure);
        const { path, method } = shot;
        const response = await shoot(shot);
        const { status } = response;
        seen[status] = (seen[status] ?? 0) + 1;
        if (response.headers.get("content-type")?.startsWith("text/event-stream") === true) {
          // It lasts until the job has ended.
          await response.body?.cancel();
          expect(path).toBe("/v1/jobs/{id}/events");
          return;
        }
        const text = await response.text();
        expect(status, text).toBeLessThan(500);
        const described = document.paths[path]?.[method]?.responses[status];
        expect(
          described,
          `${method} ${path} answered an undocumented ${status}: ${text}`,
        ).toBeDefined();
        const [type] = Object.keys(described?.content ?? {});
        if (type === undefined) {
          expect(text).toBe("");
          return;
        }
        const own = limited.find(({ name }) => name === shot.token)?.queues;
        const told = own === undefined ? [] : [...text.matchAll(/"queue":"([^"]*)"/g)];
        for (const [, queue] of told) expect(own, `${method} ${path}: ${text}`).toContain(queue);
        expect(response.headers.get("content-type")).toBe(type);
        const where = [
          "paths",
          path,
          method,
          "responses",
          String(status),
          "content",
          type,
          "schema",
        ];
        const check = ajv.getSchema(`document#/${where.map(escaped).join("/")}`);
        void check?.(JSON.parse(text));
        expect(check?.errors ?? null, `${method} ${path} ${status}: ${text}`).toBeNull();
        expect(check).toBeDefined();
      }),
      { numRuns: requests },
    );
    expect(stack.logged).toEqual([]);
    // It is of no use where it does not reach every kind of answer.
    // About one in 250 makes a schedule: a short run may do without.
    const wanted = [200, 202, 400, 401, 403, 404, 429, ...(requests < 5_000 ? [] : [201])];
    const missing = wanted.filter((status) => !(status in seen));
    expect(missing, JSON.stringify(seen)).toEqual([]);
  },
);
