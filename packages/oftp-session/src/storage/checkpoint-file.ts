import { createHash } from "node:crypto";
import { errorCode } from "@waybill/net-core";
import type { KeptPart } from "./kept-position.js";
import type { LayoutOptions } from "./local-layout.js";
import { type StorageFile, type StorageFileSystem, unlinkIfThere } from "./storage-file-system.js";

const SLOT_OCTETS = 512;

/** What a slot holds. */
interface Slot {
  /** The higher number is the later one. */
  readonly number: number;
  /** How the partial file is kept; another configuration cannot go on with it. */
  readonly layout: string;
  readonly records: number;
  readonly octets: number;
  readonly local: number;
  readonly plain: boolean;
}

/**
 * How much of a partial file is surely on disk. Two slots with checksums are written by turns, so that one of them is
 * whole at any moment, whatever becomes of the other. A position is written only after what lies before it was synced; a
 * checkpoint that is lost itself costs a restart further ahead, never a wrong file.
 */
export class CheckpointFile {
  readonly #fileSystem: StorageFileSystem;
  readonly #path: string;
  readonly #layout: string;
  #file: StorageFile | undefined;
  #number = 0;

  constructor(fileSystem: StorageFileSystem, path: string, layout: LayoutOptions) {
    this.#fileSystem = fileSystem;
    this.#path = path;
    const { format, maxRecordSize, mapping, lineEnd } = layout;
    this.#layout = [format, maxRecordSize, mapping, mapping === "lines" ? lineEnd : ""].join(" ");
  }

  /** The last checkpoint; undefined when there is none, or one of another layout. */
  async read(): Promise<KeptPart | undefined> {
    try {
      this.#file = await this.#fileSystem.open(this.#path, "update");
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
    const octets = Buffer.alloc(2 * SLOT_OCTETS);
    await this.#file.read(octets, 0);
    const slots = [parseSlot(octets, 0), parseSlot(octets, 1)].filter((slot) => slot !== undefined);
    const slot = slots.sort((a, b) => b.number - a.number)[0];
    this.#number = slot?.number ?? 0;
    if (slot?.layout !== this.#layout) return undefined;
    const { records, octets: userOctets, local, plain } = slot;
    return { position: { records, octets: userOctets, local }, plain };
  }

  /** Call it when everything before `position` was synced. Resolves when the checkpoint is. */
  async write({ position, plain }: KeptPart): Promise<void> {
    this.#file ??= await this.#fileSystem.open(this.#path, "create");
    this.#number += 1;
    const slot: Slot = { number: this.#number, layout: this.#layout, ...position, plain };
    const text = JSON.stringify(slot);
    const octets = Buffer.alloc(SLOT_OCTETS, "\n");
    octets.write(`${checksum(text)} ${text}`);
    await this.#file.write(octets, (this.#number % 2) * SLOT_OCTETS);
    await this.#file.sync();
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  /** Whether there was one. */
  async remove(): Promise<boolean> {
    await this.close();
    this.#number = 0;
    return unlinkIfThere(this.#fileSystem, this.#path);
  }
}

function checksum(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function parseSlot(octets: Buffer, index: number): Slot | undefined {
  const slot = octets.toString("utf8", index * SLOT_OCTETS, (index + 1) * SLOT_OCTETS).trimEnd();
  const text = slot.slice(17);
  return text !== "" && slot.startsWith(`${checksum(text)} `) ? (JSON.parse(text) as Slot) : undefined;
}
