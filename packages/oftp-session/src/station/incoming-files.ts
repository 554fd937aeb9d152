import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { answerReasons, type Sfid, sizeInBlocks } from "@waybill/oftp-codec";
import { FileRefusedError } from "../file-refused-error.js";
import { inboxSink } from "../storage/inbox-sink.js";
import { receivedFileKey, wireFormat } from "../storage/received-file-key.js";
import { DEFAULT_NAME_PATTERN, receivedFileName } from "../storage/received-file-name.js";
import { recoverInbox } from "../storage/recover-inbox.js";
import { storedFileSink } from "../storage/stored-file-sink.js";
import type { ReceptionLedger } from "../storage/whole-file.js";
import type { FileSink } from "../user-monitor.js";
import { certificateExchangeOf, MAX_CERTIFICATE_FILE, takeCertificate } from "./certificate-exchange.js";
import { eerpFor, nerpFor } from "./file-responses.js";
import { mayOriginate, type Partner, partnerFolder } from "./partner.js";
import { ReceivedContent } from "./received-content.js";
import { type AnswerMode, type ReceivedRecord, receivedFile } from "./received-files.js";
import { Reception, type ReceptionFacts, tooBig } from "./reception.js";
import { relayedFile } from "./relayed-file.js";
import { responseAsAsked, unsignable } from "./signed-responses.js";
import type { StationCore } from "./station-core.js";
import type { SessionContext } from "./station-events.js";
import type { EndResponseDecision, FileDecision } from "./station-options.js";

/** A partner that has not gone on for so long begins anew. */
const PARTIAL_LIFETIME_MS = 30 * 24 * 3600 * 1000;

/** Files of which it is remembered in memory that the partner knows of their EFPA. */
const MAX_CONFIRMED = 10_000;

/** Files that arrive: whether they are taken, where they go, how they are answered. */
export class IncomingFiles {
  readonly #core: StationCore;
  /** The last files whose EFPA the partner has seen, in this process: the same one again is a duplicate. */
  readonly #confirmed = new Set<string>();

  constructor(core: StationCore) {
    this.#core = core;
  }

  /** Ends what a process before this one has begun. */
  async recover(): Promise<void> {
    await mkdir(this.#partialFolder, { recursive: true, mode: 0o700 });
    const { delivered } = await recoverInbox({
      partialFolder: this.#partialFolder,
      overwrite: this.#core.options.overwrite ?? "rename",
      partialLifetimeMs: PARTIAL_LIFETIME_MS,
      ledger: {
        lookUp: (key, receptionId) => this.#lookUp(key, receptionId),
        moved: (key, _receptionId, finalPath) => this.#moved(key, finalPath),
      },
      onProblem: (error) => this.#core.logger.error({ error }, "a received file could not be recovered"),
    });
    for (const { key } of delivered) {
      const record = await this.#core.received.find(key);
      if (record?.answer === "now") {
        await this.#oweAgain(key, record);
      }
    }
    for (const [key, record] of await this.#core.received.list()) {
      try {
        if (record.answer === "undecided") await this.#decide(key, record);
        if (record.answer === "forwarded") await this.#relay(key, record);
        if (record.answer === "certificate") await takeCertificate(this.#core, key, record);
      } catch (error) {
        this.#core.logger.error({ error, path: record.path }, "a received file waits for the next start");
      }
    }
  }

  /**
   * Where an announced file goes; `onStored` is called when EFPA may be sent. Rejects with a `FileRefusedError`.
   */
  async sink(
    partner: Partner,
    sfid: Sfid,
    session: SessionContext,
    onStored: (key: string) => void,
  ): Promise<FileSink> {
    const forwarded = await this.#checkAddresses(partner, sfid);
    const key = receivedFileKey(sfid);
    const known = await this.#core.received.find(key);
    if (known !== undefined) return this.#knownFile(key, known, sfid, onStored);
    const isCertificate = !forwarded && certificateExchangeOf(sfid) !== undefined;
    const maxFileSize = isCertificate ? MAX_CERTIFICATE_FILE : this.#core.options.maxFileSize;
    if (maxFileSize !== undefined && sfid.fileSize > sizeInBlocks(maxFileSize)) {
      throw tooBig(maxFileSize);
    }
    if (!forwarded) await this.#core.security.requireAllowed(partner, sfid, !isCertificate);
    const target =
      forwarded || isCertificate
        ? this.#ownTarget(forwarded ? "relay" : "certificates", key)
        : await this.#inboxTarget(partner, sfid);
    const content = forwarded ? undefined : new ReceivedContent(this.#core, partner, sfid);
    const reception = new Reception(this.#core, this, {
      partner,
      sfid,
      session,
      key,
      forwarded,
      content,
      onStored,
    });
    const inner = await inboxSink({
      inboxFolder: target.folder,
      partialFolder: this.#partialFolder,
      sfid,
      fileName: target.fileName,
      overwrite: target.overwrite,
      ...(forwarded && wireFormat(sfid) === "V" ? { recordMapping: "length-prefixed" as const } : {}),
      ...content?.hooks(isCertificate),
      ledger: reception.ledger,
    });
    reception.inner = inner;
    return reception;
  }

  /** The partner has gone on after EFPA. */
  confirmed(key: string): void {
    this.#confirmed.add(key);
    if (this.#confirmed.size <= MAX_CONFIRMED) return;
    for (const oldest of this.#confirmed) {
      this.#confirmed.delete(oldest);
      break;
    }
  }

  get #partialFolder(): string {
    return join(this.#core.options.work, "partial");
  }

  async #checkAddresses(partner: Partner, sfid: Sfid): Promise<boolean> {
    if (!mayOriginate(partner, sfid.originator)) {
      throw new FileRefusedError(
        answerReasons.invalidOrigin.code,
        `${sfid.originator.trimEnd()} is not an originator of this partner`,
      );
    }
    if (this.#core.isOwnCode(sfid.destination, partner)) return false;
    const next = await this.#core.options.partners.bySfid(sfid.destination);
    if (next === undefined || next.name === partner.name) {
      throw new FileRefusedError(
        answerReasons.invalidDestination.code,
        `${sfid.destination.trimEnd()} is not known here`,
      );
    }
    return true;
  }

  /** The partner sends what is here already: because it has not seen EFPA, or by mistake. */
  async #knownFile(
    key: string,
    known: ReceivedRecord,
    sfid: Sfid,
    onStored: (key: string) => void,
  ): Promise<FileSink> {
    const answered = known.answer === "now" && !(await this.#core.responses.isOwed(known.partner, key));
    if (answered || this.#confirmed.has(key)) {
      throw new FileRefusedError(answerReasons.duplicateFile.code, "this file was received before");
    }
    return { ...storedFileSink(sfid, known.totals), finish: async () => onStored(key) };
  }

  async #inboxTarget(partner: Partner, sfid: Sfid) {
    const { options } = this.#core;
    const offered = {
      folder: partnerFolder(options.inbox, partner),
      fileName: receivedFileName(options.namePattern ?? DEFAULT_NAME_PATTERN, {
        sfid,
        now: this.#core.now(),
      }),
    };
    const decision: FileDecision = (await options.hooks?.acceptFile?.({ partner, sfid, ...offered })) ?? {
      accept: true,
    };
    if (!decision.accept) {
      const { reason, retry, text } = decision;
      throw new FileRefusedError(reason, text ?? "", { retry: retry ?? false });
    }
    return {
      folder: decision.folder ?? offered.folder,
      fileName: decision.fileName ?? offered.fileName,
      overwrite: decision.overwrite ?? options.overwrite ?? "rename",
    };
  }

  /** Where files are kept that are not for the application. */
  #ownTarget(folder: "relay" | "certificates", key: string) {
    return { folder: join(this.#core.options.work, folder), fileName: key, overwrite: "replace" as const };
  }

  // --- what is recorded ---

  async #lookUp(key: string, receptionId: string): Promise<string | undefined> {
    const record = await this.#core.received.find(key);
    return record?.receptionId === receptionId ? record.path : undefined;
  }

  async #moved(key: string, path: string): Promise<void> {
    const record = await this.#core.received.find(key);
    if (record !== undefined) await this.#core.received.put(key, { ...record, path });
  }

  async #revoke(key: string): Promise<void> {
    const record = await this.#core.received.find(key);
    if (record === undefined) return;
    await this.#core.received.remove(key);
    await this.#core.responses.settled(record.partner, key);
  }

  /** @internal */
  ledgerFor(facts: ReceptionFacts): ReceptionLedger {
    return {
      lookUp: (key, receptionId) => this.#lookUp(key, receptionId),
      moved: async (key, _receptionId, finalPath) => {
        await this.#moved(key, finalPath);
        if (facts.record !== undefined) facts.record = { ...facts.record, path: finalPath };
      },
      revoke: ({ key }) => this.#revoke(key),
      stored: async ({ receptionId, finalPath, totals, contentTotals }) => {
        const { key, partner, sfid, forwarded, content } = facts;
        const answer = this.#answerMode(sfid, forwarded);
        const receivedAt = this.#core.now().getTime();
        const record: ReceivedRecord = {
          partner: partner.name,
          path: finalPath,
          totals,
          answer,
          receivedAt,
          receptionId,
          sfid,
          ...(contentTotals === totals ? {} : { contentOctets: contentTotals.octets }),
          ...(content?.hash === undefined ? {} : { hash: content.hash }),
          ...(content?.signer === undefined ? {} : { signer: content.signer }),
        };
        // Both at once, which takes half the time: a response is not sent before its file is known, and a file that is known
        // without it gets it when it is delivered.
        const owed = answer === "now" ? this.#oweEerp(key, record) : undefined;
        await settledAll([owed, this.#core.received.put(key, record)]);
        facts.record = record;
      },
    };
  }

  #answerMode(sfid: Sfid, forwarded: boolean): AnswerMode {
    if (forwarded) return "forwarded";
    if (certificateExchangeOf(sfid) !== undefined) return "certificate";
    return this.#core.options.hooks?.endResponse === undefined ? "now" : "undecided";
  }

  async #oweEerp(key: string, record: ReceivedRecord): Promise<void> {
    const response = await responseAsAsked(this.#core, record, eerpFor(record.sfid)).catch((error) => {
      throw unsignable(error);
    });
    await this.#core.responses.owe(record.partner, key, response);
  }

  /** After a crash between the record of a file and its end response. */
  async #oweAgain(key: string, record: ReceivedRecord): Promise<void> {
    try {
      await this.#oweEerp(key, record);
    } catch (error) {
      this.#core.logger.error({ error, path: record.path }, "a received file is answered at the next start");
      await this.#core.received.put(key, { ...record, answer: "undecided" });
    }
  }

  /** @internal The file is in its place: whatever fails now, it was received. */
  async delivered({ key, sfid, session, forwarded, onStored, record }: ReceptionFacts): Promise<void> {
    try {
      if (record === undefined) return;
      if (forwarded) await this.#relay(key, record);
      else if (record.answer === "certificate") await takeCertificate(this.#core, key, record);
      else this.#core.emit("fileReceived", { session, file: receivedFile(key, record) });
      if (record.answer === "undecided") await this.#decide(key, record);
    } catch (error) {
      this.#core.logger.error(
        { error, file: sfid.datasetName },
        "a received file waits for the next start to be answered or passed on",
      );
    } finally {
      onStored(key);
    }
  }

  async #decide(key: string, record: ReceivedRecord): Promise<void> {
    const partner = await this.#core.options.partners.byName(record.partner);
    const hook = this.#core.options.hooks?.endResponse;
    let decision: EndResponseDecision = "eerp";
    if (hook !== undefined && partner !== undefined) {
      try {
        decision = await hook(receivedFile(key, record), partner);
      } catch (error) {
        this.#core.logger.error(
          { error, path: record.path },
          "the hook endResponse has failed: answered later",
        );
        decision = "later";
      }
    }
    if (decision === "later") await this.#core.received.put(key, { ...record, answer: "later" });
    else await this.answer(key, record, decision === "eerp" ? undefined : decision);
  }

  /** Owes the EERP, or with a reason the NERP, for a stored file. */
  async answer(
    key: string,
    record: ReceivedRecord,
    negative: { readonly reason: number; readonly text?: string | undefined } | undefined,
  ): Promise<void> {
    const { sfid } = record;
    const response =
      negative === undefined
        ? eerpFor(sfid)
        : nerpFor(sfid, this.#core.ownSfid, negative.reason, negative.text ?? "");
    const asked = await responseAsAsked(this.#core, record, response);
    await this.#core.responses.owe(record.partner, key, asked);
    await this.#core.received.put(key, { ...record, answer: "now" });
  }

  /** Queues a file for the station that it is for. */
  async #relay(key: string, record: ReceivedRecord): Promise<void> {
    const next = await this.#core.options.partners.bySfid(record.sfid.destination);
    if (next === undefined) {
      this.#core.logger.error(
        { destination: record.sfid.destination },
        "nobody is known to pass a file on to",
      );
      return;
    }
    await this.#core.queue.add(await relayedFile(key, record, next));
    await this.#core.received.put(key, { ...record, answer: "relayed" });
  }
}

/** Waits for all, also when one fails: what comes after a failure must find them settled. */
async function settledAll(work: readonly (Promise<void> | undefined)[]): Promise<void> {
  for (const each of await Promise.allSettled(work)) if (each.status === "rejected") throw each.reason;
}
