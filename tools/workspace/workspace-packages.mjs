import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of this repository. */
export const repositoryRoot = fileURLToPath(new URL("../..", import.meta.url));

/** The folders that hold packages, as in pnpm-workspace.yaml. */
export const packageGroups = /** @type {const} */ (["packages", "apps", "tools"]);

/**
 * @typedef {object} Manifest What we use of a package.json.
 * @property {string} name
 * @property {string} version
 * @property {boolean} [private]
 * @property {string} [license]
 * @property {Record<string, string>} [engines]
 * @property {Record<string, { types?: string, default?: string }>} [exports]
 * @property {Record<string, string>} [bin]
 * @property {string[]} [files]
 * @property {{ access?: string }} [publishConfig]
 * @property {Record<string, string>} [scripts]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [devDependencies]
 * @property {Record<string, string>} [optionalDependencies]
 * @property {Record<string, string>} [peerDependencies]
 *
 * @typedef {object} WorkspacePackage
 * @property {string} name
 * @property {"packages" | "apps" | "tools"} group
 * @property {string} folder Full path.
 * @property {Manifest} manifest
 */

/** @param {string} path @returns {Manifest} */
export function readManifest(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** Every package of the workspace, in the order of their folders. @returns {WorkspacePackage[]} */
export function workspacePackages(root = repositoryRoot) {
  return packageGroups.flatMap((group) => {
    if (!existsSync(join(root, group))) return [];
    return readdirSync(join(root, group))
      .map((name) => join(root, group, name))
      .filter((folder) => existsSync(join(folder, "package.json")))
      .map((folder) => {
        const manifest = readManifest(join(folder, "package.json"));
        return { name: manifest.name, group, folder, manifest };
      });
  });
}
