import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { workspacePackages } from "./workspace-packages.mjs";

const CHANGESET = /^---\n(?<bumps>(?:"[^"\n]+": (?:major|minor|patch)\n)+)---\n+(?<summary>\S.*)/;

/**
 * Changesets that `changeset version` would stumble over at the release, as lines for people.
 * @param {string} root A folder with the layout of this repository.
 * @returns {string[]}
 */
export function changesetViolations(root) {
  const folder = join(root, ".changeset");
  if (!existsSync(folder)) return [];
  const published = workspacePackages(root)
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ name }) => name);
  return readdirSync(folder)
    .filter((file) => file.endsWith(".md") && file !== "README.md")
    .flatMap((file) => {
      const { bumps } = CHANGESET.exec(readFileSync(join(folder, file), "utf8"))?.groups ?? {};
      if (bumps === undefined)
        return [`.changeset/${file}: needs lines "package": minor between ---, and a sentence`];
      return [...bumps.matchAll(/^"(.+)":/gm)]
        .map(([, name]) => /** @type {string} */ (name))
        .filter((name) => !published.includes(name))
        .map((name) => `.changeset/${file}: ${name} is not a package that is published`);
    });
}
