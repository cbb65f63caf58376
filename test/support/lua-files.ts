/** Small .lua files, for tests of their build. */
import { assemble, type Assembled } from "../../protocol/lua/build/assemble.ts";

/** Assembles files by path; a text without a head gets one. */
export function assembleFiles(files: Readonly<Record<string, string>>): Assembled {
  const sources = Object.entries(files).map(([path, text]) => ({
    path,
    text: text.startsWith("---") ? text : `--- A file.\n${text}`,
  }));
  return assemble(sources);
}
