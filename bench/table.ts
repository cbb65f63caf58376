/** Rows as a Markdown table: medians, ranges, and whether each target was met. */
import { contenderNames } from "./contender.ts";
import { judge, type Row } from "./row.ts";
import { median, readable } from "./statistics.ts";

const persisted = { none: "no persistence", everysec: "AOF everysec" } as const;

/** All rows, one table for each bench. */
export function tableOf(rows: readonly Row[]): string {
  const benches = [...new Set(rows.map(({ bench }) => bench))];
  return benches
    .map((bench) => {
      const own = rows.filter((row) => row.bench === bench);
      return `### ${bench}\n\n${lines(own).join("\n")}\n`;
    })
    .join("\n");
}

/** The columns of a bench: the systems in their order, then other subjects. */
function columnsOf(rows: readonly Row[]): readonly string[] {
  const found = new Set(rows.flatMap(({ values }) => Object.keys(values)));
  const known = contenderNames.filter((name) => found.has(name));
  return [...known, ...[...found].filter((name) => !known.some((each) => each === name))];
}

function lines(rows: readonly Row[]): readonly string[] {
  const columns = columnsOf(rows);
  const head = ["", "unit", ...columns, "targets"];
  const body = rows.map((row) => {
    const where = row.persistence === null ? "" : `, ${persisted[row.persistence]}`;
    const cells = columns.map((column) => cell(row.values[column]));
    const verdicts = judge(row).map(({ text }) => text);
    return [`${row.label}${where}`, row.unit, ...cells, verdicts.join("; ")];
  });
  return [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`);
}

function cell(values: readonly number[] | undefined): string {
  if (values === undefined || values.length === 0) return "–";
  const middle = readable(median(values));
  if (values.length === 1) return middle;
  return `${middle} [${readable(Math.min(...values))}–${readable(Math.max(...values))}]`;
}
