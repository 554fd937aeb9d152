import { createHash } from "node:crypto";
import { chmod, lstat, mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ODD_NAMES } from "./odd-names.js";

const FILE_MODES = [0o644, 0o600, 0o755, 0o444, 0o640, 0o666, 0o700, 0o400];
const FOLDER_MODES = [0o755, 0o700, 0o775, 0o555, 0o750];
const FIRST_TIME = 1_000_000_000;
const DEPTH = 4;

/**
 * Makes a folder with `files` files in it. They, and the folders between, have odd names; there are folders in folders,
 * empty folders and empty files; contents, modes and times (whole seconds) differ.
 */
export async function makeOddTree(root: string, files: number): Promise<void> {
  const folders = [root];
  await mkdir(root);
  // Names from the end of the list, so that a folder and the files beside it do not ask for the same one.
  const names = ODD_NAMES.filter((name) => Buffer.byteLength(name) < 100).reverse();
  const folderCount = Math.ceil(files / ODD_NAMES.length) + 1;
  for (let index = 0; folders.length < folderCount; index++) {
    const parent = index % DEPTH === 0 ? root : folders.at(-1)!;
    const folder = join(parent, `${names[index % names.length]}.d`);
    await mkdir(folder);
    await mkdir(join(folder, `empty ${names[(index + 1) % names.length]}`));
    folders.push(folder);
  }
  for (let index = 0; index < files; index++) {
    const folder = folders[Math.floor(index / ODD_NAMES.length)]!;
    const path = join(folder, ODD_NAMES[index % ODD_NAMES.length]!);
    await writeFile(path, content(index), { flag: "wx" });
    await utimes(path, FIRST_TIME + index, FIRST_TIME + index * 86_400);
    await chmod(path, FILE_MODES[index % FILE_MODES.length]!);
  }
  await finishFolders(root, 0);
}

/** What is at each path below a folder, and the folder itself as `.`: kind, mode, time of the last change and content. */
export async function describeTree(root: string): Promise<Record<string, string>> {
  const entries: Record<string, string> = {};
  const visit = async (path: string, name: string): Promise<void> => {
    const stats = await lstat(path);
    const mode = (stats.mode & 0o7777).toString(8);
    const facts = [mode, stats.mtime.toISOString()];
    if (stats.isFile()) {
      const hash = createHash("sha256").update(await readFile(path));
      entries[name] = ["file", ...facts, stats.size, hash.digest("hex").slice(0, 16)].join(" ");
    } else if (stats.isDirectory()) {
      entries[name] = ["folder", ...facts].join(" ");
      for (const child of (await readdir(path)).sort()) await visit(join(path, child), `${name}/${child}`);
    } else {
      entries[name] = "neither file nor folder";
    }
  };
  await visit(root, ".");
  return entries;
}

/** Gives every folder of a tree the modes with which it can be removed. */
export async function makeRemovable(root: string): Promise<void> {
  await chmod(root, 0o700);
  for (const entry of await readdir(root, { withFileTypes: true }))
    if (entry.isDirectory()) await makeRemovable(join(root, entry.name));
}

/** From nothing to some 4 KB, with every byte value, a different one for each number. */
function content(number: number): Buffer {
  const bytes = Buffer.alloc((number * 37) % 4099);
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 7 + number + (at >> 8)) & 0xff;
  return bytes;
}

/** From the inside to the outside: what is done in a folder changes its time. */
async function finishFolders(folder: string, number: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await finishFolders(join(folder, entry.name), number + entry.name.length);
  await utimes(folder, FIRST_TIME - number, FIRST_TIME - number * 3600);
  await chmod(folder, FOLDER_MODES[number % FOLDER_MODES.length]!);
}
