import { closeSync, constants, existsSync, readlinkSync, type Stats } from "node:fs";
import { errorCode } from "@waybill/net-core";
import { decodeName, encodeName, isEscapedName } from "../codec/names.js";
import { FileSystemError } from "../file-system-error.js";
import { type NativePath, O_PATH, type SystemCalls } from "./system-calls.js";

// How a client's path becomes a place on the disk that is inside the root, whatever others do to the folders and links
// on the way meanwhile.
//
// Node has no openat(2), but Linux has /proc/self/fd: a folder is opened (O_PATH, which only names it), and
// "/proc/self/fd/N/name" is then a path that begins in exactly this folder, wherever it is moved and whatever takes its
// place. All system calls get such a path: one pinned folder and one name in it, never followed when it is a link.
//
// The folder is found in one step when no link is on the way: open root/a/b and ask the kernel where that is. Otherwise
// name by name, each opened in the folder before it and refused when it is a link; links are read and followed by us,
// inside the root, as in a chroot: "/" in a target is the root and ".." stops there.
//
// Without /proc (not Linux) the same walk goes over real paths and what was opened is checked afterwards. Somebody
// with access to the folders from outside could then swap one between a check and a change that is not an open.

const { O_DIRECTORY, O_NOFOLLOW } = constants;
const PROC_FD = "/proc/self/fd";
/** As the Linux kernel has it. */
const MAX_LINKS = 40;
/** Names on the way, with the targets of links put in. */
const MAX_NAMES = 1024;

/** A place inside the root: a name in a folder. */
export interface Place {
  /** For system calls that do not follow it when it is a link. */
  readonly path: NativePath;
  /** Empty for the root itself. */
  readonly name: string;
  /** The path from the root without links in it. */
  readonly realNames: readonly string[];
  /** What is there, when it was looked for, as with `followLast`. */
  readonly stats: Stats | undefined;
  /** Must be called, once. */
  release(): void;
}

/** A folder that stays the same one until it is released. */
class Folder {
  /** To be followed by a slash and a name. */
  readonly base: string;
  #fd: number | undefined;

  constructor(base: string, fd?: number) {
    this.base = base;
    this.#fd = fd;
  }

  /** May be called again: never closes what is not its own. */
  release(): void {
    if (this.#fd === undefined) return;
    // Nothing was read or written through it, so closing it never waits.
    closeSync(this.#fd);
    this.#fd = undefined;
  }
}

type WalkOutcome =
  | { readonly place: Place; readonly next?: never }
  /** Go on with other names, from the root. */
  | { readonly place?: never; readonly next: string[]; readonly followed: boolean };

export class PathResolver {
  /** The root's real path; empty when that is `/`. */
  readonly #root: string;
  readonly #calls: SystemCalls;
  readonly #pins: boolean;

  /** `pin` is false to do without /proc/self/fd; by default it is used where it works. */
  constructor(root: string, calls: SystemCalls, pin = procFdWorks()) {
    this.#root = root === "/" ? "" : root;
    this.#calls = calls;
    this.#pins = pin;
  }

  /** Whether places cannot be swapped under a call; without it {@link isInside} must be asked after opening. */
  get pins(): boolean {
    return this.#pins;
  }

  /**
   * The place of a path in normal form. With `followLast` a link at its end is followed too and the place is none (as
   * long as nobody makes one there: the calls must not follow it). The last name need not exist.
   *
   * Errors: those of the system for what is on the way, `ERR_TOO_MANY_LINKS`, `ERR_NAME_TOO_LONG`.
   */
  async locate(path: string, followLast: boolean): Promise<Place> {
    const names = namesOf(path);
    const direct = await this.#openDirectly(names.slice(0, -1));
    if (direct === undefined) return this.#walk(names, followLast);
    const name = names.at(-1);
    if (name === undefined) return this.#rootPlace();
    try {
      const stats = followLast ? await this.#look(direct, name) : undefined;
      if (stats?.isSymbolicLink() !== true) return this.#place(direct, name, names, stats);
    } catch (error) {
      direct.release();
      throw error;
    }
    direct.release();
    return this.#walk(names, followLast);
  }

  /** A path for system calls that stays at what is open, or undefined when there is none (see {@link pins}). */
  pathOfOpen(fd: number): string | undefined {
    return this.#pins ? `${PROC_FD}/${fd}` : undefined;
  }

  /** What a client reads in a link: absolute targets below the real root are told as the client knows them. */
  targetForClient(target: string): string {
    if (this.#root === "") return target;
    if (target === this.#root) return "/";
    return target.startsWith(`${this.#root}/`) ? target.slice(this.#root.length) : target;
  }

  /** For systems without pins: whether `place` is still the file that was opened, and not behind a new link. */
  async isInside(place: Place, opened: Stats): Promise<boolean> {
    const names = [...place.realNames];
    const again = await this.#walk(names, false);
    const now = await this.#calls.lstat(again.path);
    again.release();
    return names.join("/") === again.realNames.join("/") && now.dev === opened.dev && now.ino === opened.ino;
  }

  /** Opens the folder in one step. Undefined when that fails or leads elsewhere: then only a walk can tell. */
  async #openDirectly(names: readonly string[]): Promise<Folder | undefined> {
    if (names.length === 0) return this.#rootFolder();
    if (!this.#pins) return undefined;
    const path = `${this.#root}/${names.join("/")}`;
    try {
      const fd = await this.#calls.open(nativePath(path), O_PATH | O_DIRECTORY | O_NOFOLLOW);
      const folder = new Folder(`${PROC_FD}/${fd}`, fd);
      // Never waits for a disk: the kernel has the answer in memory.
      if (readlinkSync(folder.base) === path) return folder;
      folder.release();
    } catch {}
    return undefined;
  }

  async #walk(names: readonly string[], followLast: boolean): Promise<Place> {
    let todo = [...names];
    for (let links = 0; links <= MAX_LINKS; ) {
      const outcome = await this.#walkOnce(todo, followLast);
      if (outcome.next === undefined) return outcome.place;
      todo = outcome.next;
      if (outcome.followed) links += 1;
      if (todo.length > MAX_NAMES) throw new FileSystemError("ERR_NAME_TOO_LONG");
    }
    throw new FileSystemError("ERR_TOO_MANY_LINKS");
  }

  /** Goes from the root until the place, or until the list of names is another one: then from the root again. */
  async #walkOnce(names: readonly string[], followLast: boolean): Promise<WalkOutcome> {
    let folder = this.#rootFolder();
    try {
      for (let index = 0; index < names.length; index += 1) {
        const name = names[index]!;
        const before = names.slice(0, index);
        const after = names.slice(index + 1);
        // Everything before is a real folder, so its parent is the one that is written there.
        if (name === "..") return { next: [...before.slice(0, -1), ...after], followed: false };
        if (after.length === 0) {
          const stats = followLast ? await this.#look(folder, name) : undefined;
          if (stats?.isSymbolicLink() !== true) {
            const place = this.#place(folder, name, names, stats);
            folder = this.#rootFolder();
            return { place };
          }
        } else {
          const next = await this.#enter(folder, name);
          if (next !== undefined) {
            folder.release();
            folder = next;
            continue;
          }
        }
        const target = await this.#readLink(folder, name);
        const from = target.startsWith("/") ? [] : before;
        return { next: [...from, ...namesOf(target), ...after], followed: true };
      }
      return { place: await this.#rootPlace() };
    } finally {
      folder.release();
    }
  }

  /** Opens a folder in a folder. Undefined when it is a link, or not there to be a folder. */
  async #enter(folder: Folder, name: string): Promise<Folder | undefined> {
    const path = `${folder.base}/${name}`;
    if (!this.#pins) {
      const stats = await this.#calls.lstat(nativePath(path));
      if (stats.isSymbolicLink()) return undefined;
      if (!stats.isDirectory()) throw new FileSystemError("ERR_NOT_A_DIRECTORY");
      return new Folder(path);
    }
    try {
      const fd = await this.#calls.open(nativePath(path), O_PATH | O_DIRECTORY | O_NOFOLLOW);
      return new Folder(`${PROC_FD}/${fd}`, fd);
    } catch (error) {
      if (errorCode(error) === "ENOTDIR" || errorCode(error) === "ELOOP") return undefined;
      throw error;
    }
  }

  async #readLink(folder: Folder, name: string): Promise<string> {
    try {
      const target = decodeName(await this.#calls.readlink(nativePath(`${folder.base}/${name}`)));
      return this.targetForClient(target);
    } catch (error) {
      // No link after all: then it is a file where a folder should be.
      if (errorCode(error) === "EINVAL") throw new FileSystemError("ERR_NOT_A_DIRECTORY");
      throw error;
    }
  }

  async #look(folder: Folder, name: string): Promise<Stats | undefined> {
    return this.#calls.lstatIfThere(nativePath(`${folder.base}/${name}`));
  }

  #place(folder: Folder, name: string, names: readonly string[], stats: Stats | undefined): Place {
    return {
      path: nativePath(`${folder.base}/${name}`),
      name,
      realNames: names,
      stats,
      release: () => folder.release(),
    };
  }

  async #rootPlace(): Promise<Place> {
    const path = this.#root || "/";
    return { path, name: "", realNames: [], stats: await this.#calls.lstat(path), release: () => {} };
  }

  /** The path to the root is the administrator's: it needs no pin. */
  #rootFolder(): Folder {
    return new Folder(this.#root);
  }
}

function procFdWorks(): boolean {
  return process.platform === "linux" && existsSync(PROC_FD);
}

/** The names of a path or of a link's target; `..` stays. */
function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function nativePath(path: string): NativePath {
  return isEscapedName(path) ? encodeName(path) : path;
}
