import { createHash } from "node:crypto";
import { chmod, lstat, mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Peer } from "@waybill/testing";

/** OpenSSH's program, which is the server's side of every test here. */
export const scpPeer: Peer = { program: "scp", debianPackage: "openssh-client" };

/** Names that something on the way may take for something else. */
export const ODD_NAMES = [
  "plain",
  "two words",
  "  spaces around  ",
  "it's",
  'say "hi"',
  "`id`",
  "$(id)",
  "$HOME",
  "a;b&c|d",
  "<in>out",
  "-rf",
  "--",
  "-",
  "~",
  "~root",
  "#hash",
  "!bang",
  "star*",
  "what?",
  "[set]",
  "{a,b}",
  "back\\slash",
  "ends\\",
  "tab\tbed",
  "carriage\rreturn",
  "bell\u0007",
  "escape\u001b[31m",
  "line\nbreak",
  "\nfirst",
  "last\n",
  "\n",
  "two\n\nbreaks",
  "C0644 3 fake\nC0644 3 fake",
  "encoded\\^Jlook",
  "twin\ntwin",
  "twin\\^Jtwin",
  "line\nbreak and \\^J and \\\\",
  "grüße",
  "g\u0308rüße",
  "日本語",
  "日本\n語 \u0001",
  "😀 smile",
  ".hidden",
  "..almost",
  "...",
  "E",
  "T1 0 1 0",
  "n".repeat(255),
  `${"m".repeat(120)}\n${"m".repeat(120)}`,
];

/** What a file or folder is, to compare. */
export interface Entry {
  readonly kind: "file" | "directory";
  readonly mode: number;
  readonly mtime: number;
  readonly digest: string;
}

/** Every entry below a folder and itself (as `.`), by its path. */
export async function snapshot(folder: string): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  const visit = async (path: string, relative: string): Promise<void> => {
    const stats = await lstat(path);
    const kind = stats.isDirectory() ? "directory" : "file";
    const digest =
      kind === "directory"
        ? ""
        : createHash("sha256")
            .update(await readFile(path))
            .digest("hex");
    entries.set(relative, {
      kind,
      mode: stats.mode & 0o7777,
      mtime: Math.floor(stats.mtimeMs / 1000),
      digest,
    });
    if (kind === "directory")
      for (const name of (await readdir(path)).sort()) await visit(join(path, name), `${relative}/${name}`);
  };
  await visit(folder, ".");
  return entries;
}

const MODES = [0o644, 0o600, 0o755, 0o444, 0o640];

/** Makes a tree of about `files` files with odd names, folders with odd names, empty folders, modes and times. */
export async function makeTree(folder: string, files: number): Promise<void> {
  const folders = [folder];
  await mkdir(folder);
  for (const name of ODD_NAMES) {
    const path = join(folder, `${name.slice(0, 240)}.d`);
    await mkdir(path);
    folders.push(path);
  }
  const deep = join(folder, "deep\nfolder", "in\nanother", "plain", "a\\^Jb");
  await mkdir(deep, { recursive: true });
  await mkdir(join(folder, "empty"));
  await mkdir(join(folder, "empty\nbroken"));
  folders.push(deep, join(folder, "deep\nfolder"));
  for (let index = 0; index < files; index++) {
    const parent = folders[index % folders.length]!;
    const name = ODD_NAMES[Math.floor(index / folders.length) % ODD_NAMES.length]!;
    const path = join(parent, name);
    await writeFile(path, `${index} ${"content ".repeat(index % 700)}`);
    await chmod(path, MODES[index % MODES.length]!);
    await utimes(path, 1_600_000_000 + index, 1_500_000_000 + index * 60);
  }
  await setFolderAttributes(folder);
}

async function setFolderAttributes(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await setFolderAttributes(join(folder, entry.name));
  await chmod(folder, folder.length % 2 === 0 ? 0o755 : 0o750);
  await utimes(folder, 1_400_000_000, 1_300_000_000 + folder.length);
}
