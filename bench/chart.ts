/** The chart: one bar for each system and main figure, as plain SVG. */
import { contenderNames } from "./contender.ts";
import type { Row } from "./row.ts";
import { median, readable } from "./statistics.ts";

/** The rows to draw: bench, start of the label, and title. Only rows without persistence are drawn. */
const drawn = [
  ["round-trip", "call → result known, p50", "Round trip, 1 in flight (ms, shorter is better)"],
  ["throughput", "window of 100", "Window of 100 (jobs/s)"],
  ["throughput", "batches of 1,000", "Batches of 1,000, 100 slots (jobs/s)"],
  ["throughput", "batches, 1 slot", "Batches of 1,000, 1 slot (jobs/s)"],
] as const;

const colours: Readonly<Record<string, string>> = { signalbox: "#c2410c", "raw-echo": "#a8a29e" };
const [width, left, barHeight, gap] = [720, 110, 18, 6];

/** Returns the text of an SVG file. Leaves out what was not measured. */
export function chartOf(rows: readonly Row[]): string {
  const panels: string[] = [];
  let y = 16;
  for (const [bench, label, title] of drawn) {
    const row = rows.find(
      (each) =>
        each.bench === bench && each.label.startsWith(label) && each.persistence !== "everysec",
    );
    if (row === undefined) continue;
    panels.push(`<text x="8" y="${y + 14}" font-weight="bold">${title}</text>`);
    y += 26;
    const { svg, height } = panel(row, y);
    panels.push(svg);
    y += height + 18;
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" font-family="sans-serif" font-size="13">\n` +
    `<rect width="${width}" height="${y}" fill="#fff"/>\n${panels.join("\n")}\n</svg>\n`
  );
}

function panel(row: Row, top: number): { readonly svg: string; readonly height: number } {
  const bars = contenderNames.flatMap((name) => {
    const values = row.values[name];
    return values === undefined || values.length === 0 ? [] : [{ name, value: median(values) }];
  });
  const longest = Math.max(...bars.map(({ value }) => value));
  const svg = bars.map(({ name, value }, at) => {
    const y = top + at * (barHeight + gap);
    const length = ((width - left - 90) * value) / longest;
    const fill = colours[name] ?? "#57534e";
    return (
      `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${name}</text>` +
      `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" fill="${fill}"/>` +
      `<text x="${(left + length + 6).toFixed(1)}" y="${y + 14}">${readable(value)}</text>`
    );
  });
  return { svg: svg.join("\n"), height: bars.length * (barHeight + gap) };
}
