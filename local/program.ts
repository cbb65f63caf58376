/** Locates the programs of Signalbox: as sources in the project, or built in a package. */
import { extname, join } from "node:path";

const extension = extname(import.meta.filename);

/** Whether this runs from a package, where Node cannot load TypeScript. */
export const isBuilt = extension === ".js";

/** The path of a program or module, such as `gateway/main`. */
export function programPath(name: string): string {
  return join(import.meta.dirname, "..", `${name}${extension}`);
}
