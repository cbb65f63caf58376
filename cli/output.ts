/**
 * What the program writes. Results go to stdout, everything else to stderr. Colours and progress appear only on a
 * terminal; NO_COLOR turns colours off there too.
 */
import { styleText } from "node:util";
import type { Command } from "commander";

type Style = Parameters<typeof styleText>[0];

const styles: Readonly<Record<string, Style>> = {
  succeeded: "green",
  failed: "red",
  expired: "red",
  cancelled: "yellow",
  running: "cyan",
  active: "green",
  paused: "yellow",
  faulty: "red",
  ok: "green",
  warning: "yellow",
  wrong: "red",
};

/** Writes a value: as one line of JSON with `--json`, otherwise as `render` returns it. */
export function show(command: Command, value: unknown, render: () => string): void {
  process.stdout.write(`${wantsJson(command) ? JSON.stringify(value) : render()}\n`);
}

/** Whether `--json` was given, before or after the command's name. */
export function wantsJson(command: Command): boolean {
  return command.optsWithGlobals<{ readonly json?: boolean }>().json === true;
}

/** A state in its colour. */
export function state(text: string): string {
  const style = styles[text];
  return style === undefined ? text : styleText(style, text, { stream: process.stdout });
}

/** Rows under a heading, each column as wide as its widest cell. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const space = " ".repeat(Math.max(0, (widths[column] ?? 0) - cell.length));
        return state(cell) + space;
      })
      .join("  ")
      .trimEnd();
  const top = styleText("bold", line(heading), { stream: process.stdout });
  return [top, ...rows.map(line)].join("\n");
}

/** Formats a value for people: a string as it is, anything else as indented JSON. */
export function pretty(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** Runs `work`. On a terminal, shows what it is waiting for and for how long, and removes that line at the end. */
export async function withProgress<T>(what: string, work: () => Promise<T>): Promise<T> {
  const { stderr } = process;
  if (!stderr.isTTY) return work();
  const from = Date.now();
  const draw = () => {
    stderr.write(`\r\u001b[K${what} … ${Math.round((Date.now() - from) / 1_000)} s`);
  };
  draw();
  const timer = setInterval(draw, 1_000);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    stderr.write("\r\u001b[K");
  }
}
