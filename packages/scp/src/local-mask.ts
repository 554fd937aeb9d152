import { lstat, readdir } from "node:fs/promises";
import { parse, sep } from "node:path";
import { childPath } from "./local-path.js";
import { hasMask, maskMatcher } from "./mask.js";

/**
 * The paths that a mask stands for, sorted; `**` has no meaning of its own. Undefined when there is no mask in `path`, or
 * a file has exactly this name: then it is that file.
 */
export async function expandLocalMask(path: string): Promise<string[] | undefined> {
  const { root } = parse(path);
  const components = path.slice(root.length).split(sep === "\\" ? /[\\/]+/ : /\/+/);
  if (!components.some(hasMask) || (await exists(path))) return undefined;
  let found = [root];
  for (const component of components) {
    if (component === "") continue;
    found = hasMask(component)
      ? await matching(found, component)
      : found.map((base) => childPath(base, component));
  }
  // Components after the last mask were not looked for.
  const there = await Promise.all(found.map(exists));
  return found.filter((_, index) => there[index]).sort();
}

async function matching(folders: readonly string[], mask: string): Promise<string[]> {
  const matches = maskMatcher(mask);
  const found: string[] = [];
  for (const folder of folders) {
    for (const name of await names(folder)) if (matches(name)) found.push(childPath(folder, name));
  }
  return found;
}

/** What is no folder, or cannot be read, has nothing in it that matches: a shell sees it so. */
async function names(folder: string): Promise<string[]> {
  return readdir(folder === "" ? "." : folder).catch(() => []);
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
