import { remoteJoin } from "./remote-path.js";
import { expandRemoteMask, listOddNames } from "./remote-shell.js";
import type { TransferContext } from "./transfer-context.js";
import { decodeVisual, looksEncoded } from "./visual-name.js";

/**
 * OpenSSH's source cannot say a name with a line break: it encodes a file's, so that it looks like another name, cannot
 * open a folder of such a name, and tears its own messages apart. So a name that may be one of them, or a message that
 * mentions one, makes us list the true names on the server once its session is over, and each is then fetched by its own
 * path. Where the server cannot list (no shell, no `find -print0`), such names are failures.
 */
export interface OddName {
  /** The name itself. */
  readonly name: string;
  /** A path that leads to it on the server. */
  readonly remotePath: string;
}

/** Whether a message may be about a name with a line break. */
export function mentionsOddName(text: string): boolean {
  return text.includes("\n") || looksEncoded(text);
}

/** Whether `text`, a message or the name in a line, is about `odd`. */
export function isAbout(text: string, odd: string): boolean {
  return text.includes(odd) || decodeVisual(text).includes(odd);
}

/** The odd names below one folder of the server, or among the matches of a mask; listed when they are first needed. */
export class OddNames {
  readonly #list: () => Promise<ReadonlyMap<string, readonly OddName[]> | undefined>;
  #known: Promise<ReadonlyMap<string, readonly OddName[]> | undefined> | undefined;

  /** All below `folder`. */
  static below(context: TransferContext, folder: string): OddNames {
    return new OddNames(() => listBelow(context, folder));
  }

  /** All below the one match of a mask that is called `name`. Of several, nobody knows which one is meant. */
  static belowMatch(context: TransferContext, argument: string, name: string): OddNames {
    return new OddNames(async () => {
      const paths = await expandRemoteMask(context, argument);
      const [folder, another] = paths?.filter((path) => baseOf(path) === name) ?? [];
      return folder === undefined || another !== undefined ? undefined : listBelow(context, folder);
    });
  }

  /** Among what a mask stands for; they are all in the folder "". */
  static matching(context: TransferContext, argument: string): OddNames {
    return new OddNames(async () => {
      const paths = await expandRemoteMask(context, argument);
      if (paths === undefined) return undefined;
      const odd = paths.filter(mentionsOddName);
      return new Map([["", odd.map((path) => ({ name: baseOf(path), remotePath: path }))]]);
    });
  }

  private constructor(list: () => Promise<ReadonlyMap<string, readonly OddName[]> | undefined>) {
    this.#list = list;
  }

  /** Those in one folder, by its path relative to where the listing started (`.`, `./a`). Undefined when the server cannot list. */
  async in(folder: string): Promise<readonly OddName[] | undefined> {
    this.#known ??= this.#list();
    const known = await this.#known;
    return known && (known.get(folder) ?? []);
  }
}

async function listBelow(
  context: TransferContext,
  folder: string,
): Promise<ReadonlyMap<string, readonly OddName[]> | undefined> {
  const paths = await listOddNames(context, folder);
  return paths && groupByFolder(paths, (path) => remoteJoin(folder, path.replace(/^\.\//, "")));
}

function groupByFolder(paths: readonly string[], resolve: (path: string) => string): Map<string, OddName[]> {
  const groups = new Map<string, OddName[]>();
  for (const path of paths) {
    const name = baseOf(path);
    const folder = path.slice(0, Math.max(0, path.length - name.length - 1));
    const group = groups.get(folder) ?? [];
    group.push({ name, remotePath: resolve(path) });
    groups.set(folder, group);
  }
  return groups;
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
