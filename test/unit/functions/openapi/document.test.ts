import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { Hono } from "hono";
import { test } from "vitest";
import { readDocs } from "../../../../functions/openapi/docs-page.ts";
import { openApiDocument } from "../../../../functions/openapi/document.ts";
import { operations } from "../../../../functions/openapi/operations.ts";
import { errorCodes } from "../../../../protocol/error.ts";

const root = resolve(import.meta.dirname, "../../../..");

test(
  "the document passes a public linter, without a warning",
  { timeout: 120_000 },
  async ({ expect }) => {
    const folder = await mkdtemp(join(tmpdir(), "signalbox-openapi-"));
    try {
      const file = join(folder, "openapi.json");
      await writeFile(file, JSON.stringify(openApiDocument()));
      const command = join(root, "node_modules/@redocly/cli/bin/cli.js");
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [
          command,
          "lint",
          file,
          "--format=json",
          "--config",
          join(root, "test/support/redocly.yaml"),
        ],
        {
          cwd: folder,
          env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
        },
      );
      const { problems } = JSON.parse(stdout) as { readonly problems: readonly unknown[] };
      expect(problems).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

test("the document has every operation, and every error code", ({ expect }) => {
  const text = JSON.stringify(openApiDocument());
  const missing = Object.keys(operations).filter(
    (name) => !text.includes(`"operationId":"${name}"`),
  );
  expect(missing).toEqual([]);
  const { paths } = openApiDocument();
  const said = JSON.stringify(paths);
  // For what is not in the document: other methods; and a rule that is none is told as a field's problem.
  const others = ["method_not_allowed", "schedule_invalid"];
  expect(errorCodes.filter((code) => !said.includes(`"${code}"`))).toEqual(others);
});

test("the page needs no script, and its policy allows only its own style", async ({ expect }) => {
  const response = await new Hono().get("/docs", readDocs).request("/docs");
  const page = await response.text();
  const [, style = ""] = /<style>([^]*?)<\/style>/.exec(page) ?? [];
  const hash = createHash("sha256").update(style).digest("base64");
  const policy = response.headers.get("content-security-policy");
  expect(policy).toContain(`default-src 'none'; style-src 'sha256-${hash}'`);
  expect(page).not.toMatch(/<script|style=| src=|https?:/);
  const missing = Object.keys(operations).filter((name) => !page.includes(`id="${name}"`));
  expect(missing).toEqual([]);
});
