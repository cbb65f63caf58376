/** Files that hold secrets. */
import { rm, writeFile } from "node:fs/promises";

/** Writes a file that only its owner may read. Deletes an existing one first: others might be allowed to read it. */
export async function writeSecretFile(file: string, text: string): Promise<void> {
  await rm(file, { force: true });
  await writeFile(file, text, { mode: 0o600, flag: "wx" });
}
