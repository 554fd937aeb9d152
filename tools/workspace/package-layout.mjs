// Every package has the same shape, and the TypeScript projects follow the dependencies.
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { readManifest, workspacePackages } from "./workspace-packages.mjs";

/** @typedef {import("./workspace-packages.mjs").WorkspacePackage} WorkspacePackage */

/**
 * What is not as CONTRIBUTING.md describes it, as lines for people.
 * @param {string} root A folder with the layout of this repository.
 * @returns {string[]}
 */
export function layoutViolations(root) {
  const all = workspacePackages(root);
  const { engines } = readManifest(join(root, "package.json"));
  return [
    ...all.flatMap((each) => manifestViolations(each, engines)),
    ...all.flatMap((each) => projectViolations(each, all)),
    ...rootProjectViolations(root, all),
  ];
}

/** @param {WorkspacePackage} each @param {Record<string, string> | undefined} engines */
function manifestViolations({ name, folder, manifest }, engines) {
  /** @type {[boolean, string][]} */
  const rules = [
    [manifest.license === "MIT", 'needs "license": "MIT"'],
    [manifest.engines?.node === engines?.node, `needs "engines" as in the root: ${engines?.node}`],
    [existsSync(join(folder, "README.md")), "needs a README.md"],
  ];
  if (manifest.private !== true) {
    rules.push(
      [
        manifest.exports?.["."]?.types !== undefined || manifest.bin !== undefined,
        'needs "exports" with "types", or "bin"',
      ],
      [manifest.files?.includes("dist") === true, 'needs "files" with "dist"'],
      [manifest.publishConfig?.access === "public", 'needs "publishConfig": { "access": "public" }'],
    );
  }
  return rules.filter(([holds]) => !holds).map(([, message]) => `${name}: ${message}`);
}

/**
 * A project references the projects of the packages that it imports, or tsc builds them in the wrong order.
 * @param {WorkspacePackage} each @param {readonly WorkspacePackage[]} all
 */
function projectViolations({ name, folder, manifest }, all) {
  /** @param {Record<string, string>} dependencies */
  const projects = (dependencies) =>
    all
      .filter((each) => each.name in dependencies)
      .map((each) => join(each.folder, "tsconfig.json"))
      .filter((file) => existsSync(file));
  const project = join(folder, "tsconfig.json");
  const testProject = join(folder, "tsconfig.test.json");
  const everything = projects({ ...manifest.dependencies, ...manifest.devDependencies });
  if (!existsSync(testProject)) return missingReferences(name, project, everything);
  return [
    ...missingReferences(name, project, projects(manifest.dependencies ?? {})),
    ...missingReferences(name, testProject, [project, ...everything]),
  ];
}

/** @param {string} root @param {readonly WorkspacePackage[]} all */
function rootProjectViolations(root, all) {
  const projects = all
    .flatMap(({ folder }) => [join(folder, "tsconfig.json"), join(folder, "tsconfig.test.json")])
    .filter((file) => existsSync(file));
  return missingReferences("the root", join(root, "tsconfig.json"), projects);
}

/** @param {string} name @param {string} project @param {readonly string[]} wanted Full paths of projects. */
function missingReferences(name, project, wanted) {
  if (!existsSync(project)) return [];
  const folder = dirname(project);
  /** @type {{ references?: { path: string }[] }} */
  const { references = [] } = JSON.parse(readFileSync(project, "utf8"));
  const present = references
    .map(({ path }) => resolve(folder, path))
    .map((path) => (path.endsWith(".json") ? path : join(path, "tsconfig.json")));
  return wanted
    .filter((path) => !present.includes(path))
    .map((path) => `${name}: ${basename(project)} needs a reference to ${relative(folder, path)}`);
}
