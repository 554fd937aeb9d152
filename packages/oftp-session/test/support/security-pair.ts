import { mkdir, readdir, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import type {
  FileToSend,
  OftpStation,
  Partner,
  QueuedFile,
  SessionEnd,
  StationOptions,
} from "@waybill/oftp-session";
import type { TestIdentity } from "./identities.js";
import { socketPair } from "./socket-pair.js";
import { openStation, partnerEntry } from "./stations.js";

/** The station that calls is `here`, the one that is called `there`. */
export type Side = "here" | "there";

/** What a test says of one of two stations. */
export interface SideOptions extends Partial<Omit<StationOptions, "partners">> {
  /** What it says of the other one. */
  readonly entry?: Partial<Partner>;
}

export const otherSide = (side: Side): Side => (side === "here" ? "there" : "here");

/** Two stations that know each other. What each says of the other may change at any time. */
export class SecurePair {
  readonly #folder: string;
  readonly #stations: Record<Side, OftpStation>;
  readonly #entries: Record<Side, Partner[]>;

  private constructor(folder: string, stations: Record<Side, OftpStation>, entries: Record<Side, Partner[]>) {
    this.#folder = folder;
    this.#stations = stations;
    this.#entries = entries;
  }

  static async open(folder: string, options: Readonly<Partial<Record<Side, SideOptions>>> = {}) {
    const entries = { here: entriesOf("there", options.here), there: entriesOf("here", options.there) };
    const open = async (name: Side) => {
      const { entry: _entry, ...more } = options[name] ?? {};
      return openStation({ name, folder: join(folder, name), partners: entries[name], ...more });
    };
    return new SecurePair(folder, { here: await open("here"), there: await open("there") }, entries);
  }

  /** Two stations with these keys that know each other's certificates, unless the options say something else. */
  static known(
    folder: string,
    identities: Readonly<Record<Side, TestIdentity>>,
    options: Readonly<Partial<Record<Side, SideOptions>>> = {},
  ): Promise<SecurePair> {
    const side = (own: Side): SideOptions => ({
      identities: [identities[own]],
      ...options[own],
      entry: { ...certificatesOf(identities[otherSide(own)]), ...options[own]?.entry },
    });
    return SecurePair.open(folder, { here: side("here"), there: side("there") });
  }

  get here(): OftpStation {
    return this.#stations.here;
  }

  get there(): OftpStation {
    return this.#stations.there;
  }

  /** What one side says of the other now. */
  entry(side: Side): Partner {
    return this.#entries[side][0]!;
  }

  /** One side says something else of the other from now on. */
  change(side: Side, changes: Partial<Partner>): void {
    this.#entries[side][0] = { ...this.entry(side), ...changes };
  }

  /** The process of one side has ended, and another one begins with the same state. */
  async restart(side: Side, options: SideOptions): Promise<void> {
    await this.#stations[side].close();
    const { entry: _entry, ...more } = options;
    this.#stations[side] = await openStation({
      name: side,
      folder: join(this.#folder, side),
      partners: this.#entries[side],
      ...more,
    });
  }

  path(side: Side, ...names: string[]): string {
    return join(this.#folder, side, ...names);
  }

  inbox(side: Side): string {
    return this.path(side, "inbox", otherSide(side));
  }

  /** Queues a file for the other side. */
  async send(
    from: Side,
    datasetName: string,
    content: string | Uint8Array,
    more: Partial<FileToSend> = {},
  ): Promise<QueuedFile> {
    await mkdir(this.path(from, "files"), { recursive: true });
    const path = this.path(from, "files", datasetName);
    await writeFile(path, content);
    return this.#stations[from].send(otherSide(from), { path, datasetName, ...more });
  }

  /** One session; resolves to how it ended here and there. */
  async exchange(): Promise<readonly SessionEnd[]> {
    const { near, far } = await socketPair();
    return this.exchangeOver(near, far);
  }

  /** One session over a connection that is there. */
  async exchangeOver(near: Socket, far: Socket): Promise<readonly SessionEnd[]> {
    const called = this.there.answer(far);
    const caller = this.here.initiate(this.entry("here"), near);
    return Promise.all([caller.ended, called.ended]);
  }

  /** Files that are left of what was or is under way, at both sides. */
  async leftovers(): Promise<readonly string[]> {
    const folders = (["here", "there"] as const).flatMap((side) =>
      ["partial", "sealed", "locks", "certificates"].map((name) => [side, "state", name]),
    );
    const found = await Promise.all(
      folders.map(async (names) => {
        const folder = join(this.#folder, ...names);
        const inside = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
        return inside.filter((each) => each.isFile()).map(({ name }) => join(...names, name));
      }),
    );
    return found.flat();
  }
}

export const NORMAL_ENDS: readonly SessionEnd[] = [{ error: undefined }, { error: undefined }];

/** An entry's certificates. */
export function certificatesOf(...identities: readonly TestIdentity[]): Pick<Partner, "certificates"> {
  return { certificates: identities.map(({ certificate }) => ({ certificate })) };
}

function entriesOf(other: Side, options: SideOptions | undefined): Partner[] {
  return [partnerEntry(other, options?.entry)];
}
