#!/usr/bin/env node
/** The program `signalbox`. Checks the version of Node before it loads anything that an older one cannot parse. */
const oldest = 24;
if (Number.parseInt(process.versions.node, 10) < oldest) {
  process.stderr.write(
    `signalbox: expected Node ${oldest} or later, this is ${process.versions.node}. ` +
      "Install it, or give this project its own: npm install --save-dev node@24 (npx then uses it)\n",
  );
  process.exitCode = 2;
} else {
  const { runProgram } = await import("./program.ts");
  await runProgram(process.argv.slice(2));
}
