// The commands of the repository: `npm start`, `npm test` and the other scripts of the root package.json end up here.
// Plain JavaScript without dependencies, because it runs before anything is installed.
import { readFileSync } from "node:fs";

const { engines } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
const needed = engines.node.replace(">=", "");

if (isOlder(process.versions.node, needed)) {
  console.error(`Waybill needs Node.js ${needed} or newer. This is ${process.versions.node}.`);
  process.exitCode = 1;
} else {
  const { runCommand } = await import("./commands.mjs");
  await runCommand(process.argv.slice(2));
}

/** @param {string} version @param {string} minimum */
function isOlder(version, minimum) {
  const actual = version.split(".").map(Number);
  const wanted = minimum.split(".").map(Number);
  const index = wanted.findIndex((part, i) => part !== actual[i]);
  return index !== -1 && (actual[index] ?? 0) < (wanted[index] ?? 0);
}
