/**
 * `GET /docs`: the document as a page for people, rendered on the server. It needs no script and loads nothing, so its
 * policy forbids both and the page works offline.
 */
import type { Handler } from "hono";
import { html, raw } from "hono/html";
import { openApiDocument } from "./document.ts";
import type { Content, Described, Document, Schema } from "./openapi.ts";

type Html = ReturnType<typeof html>;

const style = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--accent:#06c}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;padding:1.5rem;max-width:60rem}
code,.path{font:13px/1.5 ui-monospace,monospace}h1{margin:0}h2{margin:2.5rem 0 .5rem;text-transform:capitalize}
details{border:1px solid var(--line);border-radius:6px;margin:.4rem 0}summary{cursor:pointer;padding:.5rem .8rem}
details>div{padding:0 .8rem .6rem}.method{display:inline-block;width:4.2rem;font-weight:700;color:var(--accent)}
.note{opacity:.75}table{border-collapse:collapse;width:100%}td{border-top:1px solid var(--line);padding:.3rem .5rem;vertical-align:top}
td:first-child{white-space:nowrap;width:1%}h3{font-size:.9rem;margin:.8rem 0 .2rem}a{color:var(--accent)}:target{background:var(--soft)}
@media (prefers-color-scheme:dark){:root{--accent:#6bf}}`;

/** Open to everyone, as the document is. */
export const readDocs: Handler = async (c) => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
  const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
  c.header(
    "content-security-policy",
    `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  return c.html(await page(openApiDocument()));
};

function page({ info, tags, paths, components }: Document): Html {
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${info.title}: reference</title>
        ${raw(`<style>${style}</style>`)}
      </head>
      <body>
        <h1>${info.title}</h1>
        <p>${info.description}</p>
        <p><a href="/openapi.json">OpenAPI 3.1 document</a> · <a href="#schemas">Schemas</a></p>
        ${tags.map(
          ({ name, description }) =>
            html`<h2>${name}</h2>
              <p class="note">${description}</p>
              ${all
                .filter(({ operation }) => operation.tags.includes(name))
                .map(({ path, method, operation }) => section(path, method, operation))}`,
        )}
        <h2 id="schemas">Schemas</h2>
        ${Object.entries(components.schemas).map(
          ([name, schema]) =>
            html`<details id="${name}" open>
              <summary>
                <code>${name}</code> <span class="note">${schema.description ?? ""}</span>
              </summary>
              <div>${fields(schema)}</div>
            </details>`,
        )}
      </body>
    </html>`;
}

function section(path: string, method: string, operation: Described): Html {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation;
  const [access] = operation.security.flatMap((each) =>
    Object.entries(each).map(([scheme, scopes]) => [scheme, ...scopes].join(", scope ")),
  );
  const body = bodyOf(requestBody);
  return html`<details id="${operationId}">
    <summary>
      <span class="method">${method.toUpperCase()}</span><span class="path">${path}</span> —
      ${summary}
    </summary>
    <div>
      <p>${description ?? ""} <span class="note">Access: ${access ?? "open"}.</span></p>
      ${
        parameters.length === 0
          ? ""
          : html`<h3>Parameters</h3>
              <table>
                ${parameters.map(
                  (each) =>
                    html`<tr>
                      <td><code>${each.name}</code> <span class="note">${each.in}</span></td>
                      <td>${kind(each.schema)} ${each.description ?? ""}</td>
                    </tr>`,
                )}
              </table>`
      }
      ${
        body === undefined
          ? ""
          : html`<h3>Body</h3>
              ${fields(body)}`
      }
      <h3>Answers</h3>
      <table>
        ${Object.entries(responses).map(
          ([status, answer]) =>
            html`<tr>
              <td><code>${status}</code></td>
              <td>${answer.description} ${answerKind(answer)}</td>
            </tr>`,
        )}
      </table>
    </div>
  </details>`;
}

function bodyOf(content: Content | undefined): Schema | undefined {
  return Object.values(content?.content ?? {})[0]?.schema;
}

function answerKind(answer: Content): Html | string {
  const schema = bodyOf(answer);
  if (schema === undefined) return "";
  const codes = schema.allOf?.[1]?.properties?.["code"]?.enum;
  return codes === undefined ? kind(schema) : html`<code>${codes.join(", ")}</code>`;
}

function fields(schema: Schema): Html {
  const { properties, required = [] } = schema;
  if (properties === undefined) return html`<p>${kind(schema)}</p>`;
  return html`<table>
    ${Object.entries(properties).map(
      ([name, field]) =>
        html`<tr>
          <td><code>${name}</code>${required.includes(name) ? "" : "?"}</td>
          <td>${kind(field)} ${field.description ?? ""}</td>
        </tr>`,
    )}
  </table>`;
}

/** The values that a schema allows, in one line; nested objects are written out. */
function kind(schema: Schema): Html {
  const { $ref, type, items, properties, required = [] } = schema;
  if ($ref !== undefined) {
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    return html`<a href="#${name}">${name}</a>`;
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return list(choices.map(kind), " or ");
  if (schema.enum !== undefined) return html`<code>${schema.enum.join(" | ")}</code>`;
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  if (items !== undefined) return html`array of ${kind(items)}`;
  if (properties !== undefined) {
    const parts = Object.entries(properties).map(
      ([name, field]) =>
        html`<code>${name}</code>${required.includes(name) ? "" : "?"} ${kind(field)}`,
    );
    return html`{ ${list(parts, ", ")} }`;
  }
  const initial = schema.default === undefined ? "" : `, default ${JSON.stringify(schema.default)}`;
  return html`<span class="note">${[type ?? "any JSON"].flat().join(" or ")}${initial}</span>`;
}

function list(parts: readonly Html[], between: string): Html {
  return html`${parts.map((part, at) => (at === 0 ? part : html`${between}${part}`))}`;
}
