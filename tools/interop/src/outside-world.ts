import { createHash } from "node:crypto";
import { lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** What must never get out. */
export const SECRET = "what nobody may see";
/** Names beside each other outside of the root: a file, a folder and nothing at all. */
export const OUTSIDE_NAMES = ["secret.txt", "folder", "missing"] as const;

/** A way that seems to lead from the root to a name outside of it. */
export interface EscapeRoute {
  path(name: string): string;
  /** Whether the last name itself is a link to the name outside; otherwise the name is the last one of the path. */
  readonly endsInLink: boolean;
}

/** A folder beside a server's root with things that its clients must not reach, and what leads there. */
export interface OutsideWorld {
  readonly folder: string;
  readonly routes: readonly EscapeRoute[];
}

/**
 * Makes the folders `outside` and `ROOT-sibling` beside the root, both with the same things in them, a folder `inside` with
 * the file `own.txt` in the root, and links of many kinds from the root to the outside.
 */
export async function makeOutsideWorld(root: string): Promise<OutsideWorld> {
  const folder = join(dirname(root), "outside");
  // A path that begins like the root's is not in the root.
  const sibling = `${root}-sibling`;
  for (const place of [folder, sibling]) {
    await mkdir(join(place, "folder"), { recursive: true });
    await writeFile(join(place, "secret.txt"), SECRET);
    await writeFile(join(place, "victim.txt"), SECRET);
    await writeFile(join(place, "folder", "inner-secret.txt"), SECRET);
  }
  await mkdir(join(root, "inside", "deep"), { recursive: true });
  await writeFile(join(root, "inside", "own.txt"), "own");

  const plain = [
    "../outside",
    "/../outside",
    `${"../".repeat(20)}${folder.slice(1)}`,
    folder,
    `/.//..//./..${folder}`,
    "inside/../../outside",
    "/inside/deep/../../../outside",
    `//${folder}`,
    "..\\outside",
    "%2e%2e/outside",
  ];
  const links: Record<string, string> = {
    "link-absolute": folder,
    "link-relative": "../outside",
    "link-many-dots": `${"../".repeat(30)}${folder.slice(1)}`,
    "link-chain-1": "link-chain-2",
    "link-chain-2": "inside/link-chain-3",
    "inside/link-chain-3": "../link-absolute",
    "inside/deep/link-up": "../../../outside",
    // The server accepts targets below its root's real path; this one leaves the root again.
    "link-through-root": `${root}/../outside`,
    "link-through-inside": "inside/../../outside",
    "link-sibling": sibling,
    "link-sibling-relative": `../${basename(sibling)}`,
    "link-proc": `/proc/self/root${folder}`,
    "link-cwd": `/proc/self/cwd/../../../../../../../../../..${folder}`,
  };
  for (const [path, target] of Object.entries(links)) await symlink(target, join(root, path));
  await symlink("/", join(root, "link-slash"));
  const throughFolders = [...plain, ...Object.keys(links), `link-slash${folder}`, "link-slash/../outside"];
  const fileLinks: EscapeRoute[] = [];
  for (const [path, target] of Object.entries(links)) {
    for (const name of OUTSIDE_NAMES) await symlink(`${target}/${name}`, join(root, `${path}-${name}`));
    fileLinks.push({
      path: (name) => `${path}-${name}`,
      endsInLink: true,
    });
  }
  return {
    folder,
    routes: [
      ...throughFolders.map((prefix) => ({
        path: (name: string) => `${prefix}/${name}`,
        endsInLink: false,
      })),
      ...fileLinks,
    ],
  };
}

/** Everything that can be said about a tree but when it was read: a text that changes when anything in it does. */
export async function snapshot(folder: string): Promise<string> {
  const lines = ["", ...(await namesBelow(folder, ""))].map(async (name) => {
    const path = join(folder, name);
    const { mode, size, mtimeNs, ctimeNs, ino, nlink, uid } = await lstat(path, { bigint: true });
    const type = Number(mode) & 0o170000;
    const content =
      type === 0o100000
        ? createHash("sha256")
            .update(await readFile(path))
            .digest("hex")
        : type === 0o120000
          ? await readlink(path)
          : "";
    return [name, mode.toString(8), size, mtimeNs, ctimeNs, ino, nlink, uid, content].join(" ");
  });
  return (await Promise.all(lines)).join("\n");
}

/** Node's own recursive listing goes through links to folders. */
async function namesBelow(folder: string, prefix: string): Promise<string[]> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true });
  const names = entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(async (entry) => {
      const name = join(prefix, entry.name);
      return entry.isDirectory() ? [name, ...(await namesBelow(folder, name))] : [name];
    });
  return (await Promise.all(names)).flat();
}
