import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBody, encodeBody, type JobSpec } from "../../../../protocol/wire/job.ts";
import type { Json } from "../../../../protocol/wire/json.ts";

const text = (value: unknown) => JSON.stringify(value);

describe("a job's body", () => {
  const json = fc.jsonValue() as fc.Arbitrary<Json>;
  const spec = fc.record(
    {
      id: fc.constant("x"),
      name: fc.constant("echo"),
      queue: fc.constant("q"),
      payload: json,
      attempts: fc.integer({ min: 1, max: 100 }),
      timeoutMs: fc.integer({ min: 1, max: 86_400_000 }),
    },
    { requiredKeys: ["id", "name", "queue"] },
  ) as fc.Arbitrary<JobSpec>;

  test("comes back as it went, and completes an envelope", () => {
    fc.assert(
      fc.property(spec, (each) => {
        const { id, name, queue, ...content } = each;
        expect(queue).toBe("q");
        const body = encodeBody(each);
        const plain = JSON.parse(text(content)) as object;
        expect(decodeBody(body)).toEqual(plain);
        expect(JSON.parse(`{"id":"${id}","name":"${name}"${body}`)).toEqual({ id, name, ...plain });
      }),
    );
  });

  test("is a bare brace where there is nothing, and tells null from nothing", () => {
    const base = { id: "x", name: "e", queue: "q" };
    expect(encodeBody(base)).toBe("}");
    expect(encodeBody({ ...base, payload: null })).toBe(',"payload":null}');
    expect(decodeBody("}")).toEqual({});
  });

  test("has attempts first, where the scripts look for them", () => {
    const all = { id: "x", name: "e", queue: "q", payload: {}, timeoutMs: 5, attempts: 7 };
    expect(encodeBody(all)).toMatch(/^,"attempts":7,/);
  });
});
