import type { Sfid } from "@waybill/oftp-codec";
import { fileStateStore } from "../../src/storage/file-state-store.js";
import type { OverwriteRule } from "../../src/storage/final-name.js";
import { type InboxSinkOptions, inboxSink } from "../../src/storage/inbox-sink.js";
import type { LockAuthority } from "../../src/storage/process-lock.js";
import { receivedFileKey, wireFormat } from "../../src/storage/received-file-key.js";
import { recoverInbox } from "../../src/storage/recover-inbox.js";
import type { StorageEnvironment } from "../../src/storage/storage-environment.js";
import type { FileSink, FileTotals } from "../../src/user-monitor.js";
import { CrashingFileSystem } from "./crashing-file-system.js";
import { storeLedger } from "./ledger.js";
import { patterned, seededRandom, sfidOf } from "./sfid.js";

/** A file that is received, and what it becomes. */
export interface Scene {
  readonly sfid: Sfid;
  /** With the record lengths of format V. */
  readonly transmitted: Buffer;
  readonly totals: FileTotals;
  /** In the inbox. */
  readonly expected: Buffer;
  readonly options: Pick<InboxSinkOptions, "open" | "inspect">;
}

export const OLD = Buffer.from("somebody else's");
export const CUT = 3000;

export function plainScene(): Scene {
  const transmitted = patterned(5000);
  return {
    sfid: sfidOf(),
    transmitted,
    totals: { records: 0, octets: transmitted.length },
    expected: transmitted,
    options: {},
  };
}

export function turned(octets: Uint8Array): Uint8Array {
  return octets.map((octet) => octet ^ 0x5a);
}

export async function* turnedAll(sealed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of sealed) yield turned(chunk);
}

export function envelopedScene(): Scene {
  const scene = plainScene();
  return {
    ...scene,
    sfid: sfidOf({ envelope: 1 }),
    expected: Buffer.from(turned(scene.transmitted)),
    options: { open: turnedAll },
  };
}

/** Records of which some hold line ends. */
export function inspectedScene(): Scene {
  const records = Array.from({ length: 50 }, (_, i) =>
    Buffer.from(`record ${i}${i % 3 ? "" : "\n"}`.repeat(10)),
  );
  const transmitted = Buffer.concat(
    records.flatMap((record) => [Buffer.from([record.length >> 8, record.length & 255]), record]),
  );
  const content = Buffer.concat(records);
  return {
    sfid: sfidOf({ format: "V", maxRecordSize: 200 }),
    transmitted,
    totals: { records: records.length, octets: content.length },
    expected: Buffer.concat(records.flatMap((record) => [record, Buffer.from("\n")])),
    options: {
      async inspect(octets) {
        const seen: Uint8Array[] = [];
        for await (const chunk of octets) seen.push(chunk);
        if (!Buffer.concat(seen).equals(content)) throw new Error("other octets than were transmitted");
      },
    },
  };
}

/** A machine that receives one file, and whose processes have a number each. */
export class CrashMachine {
  readonly fileSystem: CrashingFileSystem;
  readonly scene: Scene;
  readonly overwrite: OverwriteRule;
  readonly #key: string;
  #process = 1;

  constructor(scene: Scene, overwrite: OverwriteRule, seed: number) {
    this.scene = scene;
    this.overwrite = overwrite;
    this.#key = receivedFileKey(scene.sfid);
    this.fileSystem = new CrashingFileSystem(seededRandom(seed));
  }

  get #environment(): StorageEnvironment {
    const pid = this.#process;
    const authority: LockAuthority = {
      owner: async () => ({ scope: "0123456789ab", pid, start: "1" }),
      isAlive: async (owner) => owner.pid === this.#process,
    };
    return { fileSystem: this.fileSystem, authority };
  }

  async #ledger() {
    return storeLedger(await fileStateStore("/state", {}, this.fileSystem));
  }

  /** Where the ledger says that the file is. */
  async recordedPath(): Promise<string | undefined> {
    return (await this.#ledger()).path(this.#key);
  }

  async sink(options: Partial<InboxSinkOptions> = {}): Promise<FileSink> {
    return inboxSink(
      {
        inboxFolder: "/inbox",
        partialFolder: "/partial",
        sfid: this.scene.sfid,
        fileName: "INVOICE.DAT",
        overwrite: this.overwrite,
        ledger: await this.#ledger(),
        ...this.scene.options,
        ...options,
      },
      this.#environment,
    );
  }

  async recover() {
    const ledger = await this.#ledger();
    return recoverInbox({ partialFolder: "/partial", overwrite: this.overwrite, ledger }, this.#environment);
  }

  /** One session: from where the last one stopped to `end`. Resolves to where it began, in what is transmitted. */
  async session(end: number = this.scene.transmitted.length): Promise<number> {
    const { transmitted, totals, sfid } = this.scene;
    let sink: FileSink | undefined;
    try {
      sink = await this.sink();
      const { octets, records } = await sink.begin(sink.restartPosition);
      const begun = wireFormat(sfid) === "V" ? octets + 2 * records : octets;
      if (begun > transmitted.length) throw new Error("it goes on after its end");
      for (let at = begun; at < end; at += 1500)
        await sink.write(transmitted.subarray(at, Math.min(at + 1500, end)));
      if (end === transmitted.length) await sink.finish(totals);
      else await sink.interrupt();
      return begun;
    } finally {
      // After a crash: only what this process held in memory.
      await sink?.interrupt();
    }
  }

  /** Two sessions, the first of which ends too early. */
  async sessions(): Promise<void> {
    await this.session(CUT);
    await this.session();
  }

  async prepare(): Promise<void> {
    for (const folder of ["/", "/inbox", "/partial", "/state", "/state/received"]) {
      await this.fileSystem.makeFolder(folder);
    }
    if (this.overwrite !== "never") {
      const file = await this.fileSystem.open("/inbox/INVOICE.DAT", "create");
      await file.write(OLD, 0);
      await file.sync();
      await this.fileSystem.syncFolder("/inbox");
    }
    this.fileSystem.restart(false);
  }

  crash(power: boolean): void {
    this.#process += 1;
    this.fileSystem.restart(power);
  }

  /** The names in the partial folder without what is different each time. */
  partial(): string[] {
    return [...this.fileSystem.contents("/partial").keys()]
      .map((name) => name.split(".").at(-1) ?? "")
      .sort();
  }
}

/** The calls of two sessions without a crash. */
export async function countCalls(scene: Scene, overwrite: OverwriteRule): Promise<number> {
  const machine = new CrashMachine(scene, overwrite, 0);
  await machine.prepare();
  await machine.sessions();
  return machine.fileSystem.calls.length;
}
