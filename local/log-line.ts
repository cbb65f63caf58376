/** Merges several logs into one, in which each line has the name of its part. */
import { stripVTControlCharacters, styleText } from "node:util";
import { prettyFactory } from "pino-pretty";

/** The width of the longest name, to align the lines. */
const NAME_WIDTH = "[subscriber]".length;

/** The level of a warning in pino. */
const WARN_LEVEL = 40;

const COLOURS: Readonly<Record<string, Parameters<typeof styleText>[0]>> = {
  redis: "red",
  gateway: "magenta",
  function: "yellow",
  pages: "blue",
  subscriber: "green",
  clock: "cyan",
};

/** @param isColoured Whether the output is a terminal that shows colours. */
export function createLogLine(isColoured: boolean): (name: string, line: string) => string {
  const render = createRenderer(isColoured);
  return (name, line) => {
    const tag = `[${name}]`.padEnd(NAME_WIDTH);
    const prefix = isColoured
      ? styleText(COLOURS[name] ?? "white", tag, { validateStream: false })
      : tag;
    // One entry may take several lines, such as an error with its stack.
    return render(line)
      .split("\n")
      .map((part) => `${prefix} ${part}\n`)
      .join("");
  };
}

/** Whether a logger wrote the line at a level below warning. */
export function isRoutine(line: string): boolean {
  const level = parseLogEntry(line)?.["level"];
  return typeof level === "number" && level < WARN_LEVEL;
}

/** Formats a line of any program for people, without colours. */
export const readable = createRenderer(false);

function createRenderer(isColoured: boolean): (line: string) => string {
  const render = prettyFactory({
    colorize: isColoured,
    singleLine: true,
    translateTime: "SYS:HH:MM:ss",
    // The prefix has the name.
    ignore: "pid,hostname,name",
  });
  return (line) => {
    if (line.startsWith("{")) return render(line).trimEnd();
    // Wrangler colours its warnings even if the output is no terminal.
    return isColoured ? line : stripVTControlCharacters(line);
  };
}

/** Parses a line of a pino logger; returns undefined for any other line. */
export function parseLogEntry(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === "object" && entry !== null ? { ...entry } : undefined;
  } catch {
    // A line of another program that begins with a brace.
    return undefined;
  }
}
