// Prints the browsers that the tests run in, with their versions: README's support table names them. Before every run, and by
// `node tests/browser/versions.mjs`.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { FIREFOX, WEBKIT_DRIVER, executablePath } from "./browser.mjs";
import { BROWSER } from "./webkit/browser.mjs";

function version(program) {
  const said = execFileSync(program, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return said.trim();
}

export default function printVersions() {
  const present = [executablePath, FIREFOX, WEBKIT_DRIVER && BROWSER].filter(Boolean);
  console.log(`Browsers: ${present.map(version).join("; ")}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) printVersions();
