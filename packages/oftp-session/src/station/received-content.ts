import { open, VirtualFileHash } from "@waybill/cms-security";
import type { Sfid } from "@waybill/oftp-codec";
import { openingRefusal } from "../security/opening-refusal.js";
import { isEncrypted, isSigned } from "../security/security-rules.js";
import type { InboxSinkOptions } from "../storage/inbox-sink.js";
import type { Partner } from "./partner.js";
import { tooBig } from "./reception.js";
import { responseHash } from "./signed-responses.js";
import type { StationCore } from "./station-core.js";

const BLOCK = 1024;

/** A record of one octet takes three with its length before it. */
const RECORD_OVERHEAD = 3;

/** What is done to a file when all of it has arrived: its envelope is opened, and it is hashed for a signed end response. */
export class ReceivedContent {
  readonly #core: StationCore;
  readonly #partner: Partner;
  readonly #sfid: Sfid;
  /** For a signed end response. */
  readonly #hash: VirtualFileHash | undefined;
  /** The thumbprint (SHA-256) of the certificate whose signature was verified. */
  signer: string | undefined;

  constructor(core: StationCore, partner: Partner, sfid: Sfid) {
    this.#core = core;
    this.#partner = partner;
    this.#sfid = sfid;
    this.#hash = sfid.signedReceipt ? new VirtualFileHash(responseHash(sfid, partner)) : undefined;
  }

  /** Of what was transmitted, in base64; undefined when nobody asked for a signed end response. */
  get hash(): string | undefined {
    return Object.values(this.#hash?.digests() ?? {})[0]?.toString("base64");
  }

  /**
   * What is inside of the envelope (RFC 5024 section 6). It ends without an error only when everything was verified; else with a
   * `FileRefusedError` (reasons 15, 17, 20 to 23).
   */
  async *open(sealed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { maxFileSize } = this.#core.options;
    let octets = 0;
    try {
      const message = open(this.#hash?.through(sealed) ?? sealed, await this.#openOptions());
      for await (const piece of message.content) {
        octets += piece.length;
        if (maxFileSize !== undefined && octets > maxFileSize) throw tooBig(maxFileSize);
        yield piece;
      }
      const { signer } = await message.result;
      this.signer = signer?.thumbprint("sha256");
    } catch (error) {
      throw openingRefusal(error, this.#sfid);
    }
  }

  /** What is not in an envelope is only hashed, for a signed end response. */
  async inspect(transmitted: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of transmitted) this.#hash?.update(chunk);
  }

  /**
   * The hooks of the inbox that a file needs. `keepsPlain`: an envelope that only holds together what is inside is left as it is, as
   * certificates have it (RFC 5024 section 10.4).
   */
  hooks(keepsPlain: boolean): Pick<InboxSinkOptions, "open" | "inspect"> {
    const { envelope, securityLevel, compression } = this.#sfid;
    const isPlain = securityLevel === 0 && compression === 0;
    if (envelope !== 0 && !(isPlain && keepsPlain)) return { open: (sealed) => this.open(sealed) };
    return this.#hash === undefined ? {} : { inspect: (transmitted) => this.inspect(transmitted) };
  }

  async #openOptions(): Promise<Parameters<typeof open>[1]> {
    const { security, now, logger, options } = this.#core;
    const partner = this.#partner;
    const sfid = this.#sfid;
    return {
      expect: { signed: isSigned(sfid), encrypted: isEncrypted(sfid), compressed: sfid.compression !== 0 },
      keys: security.identities(partner, "encryption"),
      ...(isSigned(sfid)
        ? { signers: await security.partnerCertificates(partner, "signing", sfid.originator) }
        : {}),
      acceptSigner: security.acceptSigner(partner, "signing"),
      allowWeak: partner.security?.allowWeak === true,
      time: now(),
      limits: {
        contentBytes: announcedOctets(sfid),
        // What is announced is a limit as well, and an honest file can be very regular.
        ...(options.maxCompressionRatio === undefined
          ? {}
          : { compressionRatio: options.maxCompressionRatio }),
      },
      logger,
    };
  }
}

/** The most that SFIDOSIZ lets be inside. It may count the octets of format V without the lengths of the records. */
function announcedOctets({ originalFileSize, format }: Sfid): number {
  if (originalFileSize === 0) return Number.POSITIVE_INFINITY;
  return originalFileSize * BLOCK * (format === "V" ? RECORD_OVERHEAD : 1);
}
