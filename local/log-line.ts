/** Makes one log of several: each line with the name of the part that wrote it. */
import { stripVTControlCharacters, styleText } from "node:util";
import { prettyFactory } from "pino-pretty";

/** As wide as the longest name, so that what follows lines up. */
const NAME_WIDTH = "[subscriber]".length;

/** pino's number for it. */
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
    // What was one entry may have become several lines, such as an error with its stack.
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

/** A line of any program as a person reads it, without colours. */
export const readable = createRenderer(false);

function createRenderer(isColoured: boolean): (line: string) => string {
  const render = prettyFactory({
    colorize: isColoured,
    singleLine: true,
    translateTime: "SYS:HH:MM:ss",
    // The name is in the prefix.
    ignore: "pid,hostname,name",
  });
  return (line) => {
    if (line.startsWith("{")) return render(line).trimEnd();
    // Wrangler colours its warnings whoever may be reading.
    return isColoured ? line : stripVTControlCharacters(line);
  };
}

/** The fields of a line that a pino logger wrote as JSON; undefined for any other line. */
export function parseLogEntry(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === "object" && entry !== null ? { ...entry } : undefined;
  } catch {
    // Some other program's line that happens to begin with a brace.
    return undefined;
  }
}
