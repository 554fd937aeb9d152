import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, resolve, sep } from "node:path";
import { readManifest } from "./workspace-packages.mjs";

const REQUIRED = ["README.md", "LICENSE"];
const ALLOWED = /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|dist\/.+\.(js|d\.ts|map)|src\/.+\.ts)$/;
const TEST = /\.test\.|(^|\/)test\//;

/**
 * What is wrong with the unpacked content of a package, as lines for people.
 * @param {string} name
 * @param {string} folder
 * @returns {string[]}
 */
export function packedContentViolations(name, folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const { dependencies = {}, exports = {}, bin = {} } = readManifest(join(folder, "package.json"));
  const entries = [...Object.values(exports).flatMap((entry) => Object.values(entry)), ...Object.values(bin)];
  const required = [...REQUIRED, ...entries.map((entry) => normalize(entry))];
  return [
    ...required.filter((file) => !files.includes(file)).map((file) => `${file} is missing`),
    ...files
      .filter((file) => !ALLOWED.test(file) || TEST.test(file))
      .map((file) => `${file} does not belong`),
    ...files.filter((file) => file.endsWith(".map")).flatMap((file) => mapViolations(folder, file)),
    ...Object.entries(dependencies)
      .filter(([, range]) => range.startsWith("workspace:"))
      .map(([dependency]) => `depends on ${dependency} by a range that only works in the workspace`),
  ].map((violation) => `${name}: ${violation}`);
}

/** A source map leads to a file that is there. @param {string} folder @param {string} file @returns {string[]} */
function mapViolations(folder, file) {
  /** @type {{ sources: string[] }} */
  const { sources } = JSON.parse(readFileSync(join(folder, file), "utf8"));
  return sources
    .map((source) => resolve(folder, dirname(file), source))
    .filter((source) => !source.startsWith(folder + sep) || !existsSync(source))
    .map((source) => `${file} points to ${source.slice(folder.length + 1)}, which is not packed`);
}
