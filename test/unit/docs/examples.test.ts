/** Every name that an entry of the package exports shows how it is used: its TSDoc has an `@example`. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../../..");
const entries = ["client", "functions", "producer", "protocol", "subscriber"];

interface Export {
  readonly name: string;
  readonly file: string;
  readonly hasExample: boolean;
}

const hasExample = (node: ts.Node): boolean =>
  ts.getJSDocTags(node).some((tag) => tag.tagName.text === "example");

/** The exports of `file`, those that it passes on from other files included, as far as `only` names them. */
function exportsOf(file: string, only?: ReadonlySet<string>): readonly Export[] {
  const text = readFileSync(file, "utf8");
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  return source.statements.flatMap((statement): readonly Export[] => {
    if (ts.isExportDeclaration(statement)) return passedOn(file, statement, only);
    return namesOf(statement)
      .filter((name) => only?.has(name) ?? true)
      .map((name) => ({ name, file, hasExample: hasExample(statement) }));
  });
}

function passedOn(
  file: string,
  { exportClause, moduleSpecifier }: ts.ExportDeclaration,
  only?: ReadonlySet<string>,
): readonly Export[] {
  if (moduleSpecifier === undefined || !ts.isStringLiteral(moduleSpecifier)) return [];
  if (exportClause === undefined) return exportsOf(resolve(dirname(file), moduleSpecifier.text));
  if (!ts.isNamedExports(exportClause)) throw new Error(`expected exports by name in ${file}`);
  const names = exportClause.elements
    .filter(({ name }) => only?.has(name.text) ?? true)
    .map(({ name, propertyName }) => (propertyName ?? name).text);
  return exportsOf(resolve(dirname(file), moduleSpecifier.text), new Set(names));
}

function namesOf(statement: ts.Statement): readonly string[] {
  const isExported =
    ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  if (isExported !== true) return [];
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  const { name } = statement as ts.Statement & { readonly name?: ts.Identifier };
  return name === undefined ? [] : [name.text];
}

describe.each(entries)("the entry of %s", (entry) => {
  const found = exportsOf(resolve(root, entry, "index.ts"));

  test("exports something, each with an example", () => {
    expect(found.length).toBeGreaterThan(1);
    // One of the overloads is enough.
    const shown = new Set(found.filter((each) => each.hasExample).map(({ name }) => name));
    const lacking = found.filter(({ name }) => !shown.has(name));
    expect(lacking.map(({ name, file }) => `${name} (${file.slice(root.length + 1)})`)).toEqual([]);
  });
});
