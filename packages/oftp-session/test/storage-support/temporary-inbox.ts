import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Sfid } from "@waybill/oftp-codec";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { type InboxSinkOptions, inboxSink } from "../../src/storage/inbox-sink.js";
import { realEnvironment, type StorageEnvironment } from "../../src/storage/storage-environment.js";
import type { ReceptionLedger, StoredFile } from "../../src/storage/whole-file.js";
import type { FileSink, FileTotals } from "../../src/user-monitor.js";

/** An inbox in a temporary folder, and a ledger in memory. */
export class TemporaryInbox {
  readonly folder: TemporaryFolder;
  readonly inboxFolder: string;
  readonly partialFolder: string;
  /** What the ledger has recorded. */
  stored: StoredFile[] = [];
  /** What was in the inbox each time. */
  readonly seenWhenStored: string[][] = [];
  readonly #sfid: Sfid;

  constructor(folder: TemporaryFolder, sfid: Sfid) {
    this.folder = folder;
    this.inboxFolder = join(folder.path, "inbox");
    this.partialFolder = join(folder.path, "partial");
    this.#sfid = sfid;
  }

  readonly ledger: ReceptionLedger = {
    stored: async (file) => {
      this.seenWhenStored.push(await this.names());
      this.stored.push(file);
    },
    moved: async () => {},
    lookUp: async (key, receptionId) =>
      this.stored.find((file) => file.key === key && file.receptionId === receptionId)?.finalPath,
    revoke: async (file) => {
      this.stored = this.stored.filter(({ receptionId }) => receptionId !== file.receptionId);
    },
  };

  sink(
    sfid: Partial<Sfid> = {},
    options: Partial<InboxSinkOptions> = {},
    environment: StorageEnvironment = realEnvironment,
  ): Promise<FileSink> {
    const { inboxFolder, partialFolder, ledger } = this;
    const own = { inboxFolder, partialFolder, sfid: { ...this.#sfid, ...sfid }, fileName: "FILE", ledger };
    return inboxSink({ ...own, ...options }, environment);
  }

  async names(): Promise<string[]> {
    return (await readdir(this.inboxFolder).catch(() => [])).sort();
  }

  read(name = "FILE"): Promise<Buffer> {
    return readFile(join(this.inboxFolder, name));
  }

  async partial(): Promise<string[]> {
    return (await readdir(this.partialFolder).catch(() => [])).sort();
  }

  /** What the files in the partial folder are. */
  async kinds(): Promise<(string | undefined)[]> {
    return (await this.partial()).map((name) => name.split(".").at(-1));
  }

  remove(): Promise<void> {
    return this.folder.remove();
  }
}

export async function temporaryInbox(sfid: Sfid): Promise<TemporaryInbox> {
  return new TemporaryInbox(await temporaryFolder(), sfid);
}

/** All in one session. */
export async function receive(
  sink: FileSink,
  content: Uint8Array,
  totals: FileTotals = { records: 0, octets: content.length },
): Promise<void> {
  await sink.begin(0);
  await sink.write(content);
  await sink.finish(totals);
}

export async function gather(octets: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of octets) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Records as format V transmits them. */
export function prefixed(records: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    records.flatMap((record) => [Buffer.from([record.length >> 8, record.length & 255]), record]),
  );
}

/** Opens an envelope of which nothing matters but what is inside. */
export function giving(content: Uint8Array | string, size = 1 << 20): NonNullable<InboxSinkOptions["open"]> {
  const octets = Buffer.from(content);
  return async function* (sealed) {
    for await (const _ of sealed);
    for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
  };
}
