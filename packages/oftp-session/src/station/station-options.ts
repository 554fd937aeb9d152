import type { Certificate } from "@waybill/cert-store";
import type { Logger } from "@waybill/net-core";
import type { Sfid, Ssid } from "@waybill/oftp-codec";
import type { OwnIdentity, SecurityPurpose } from "../security/partner-security.js";
import type { StateStore } from "../state-store.js";
import type { CertificateExchange } from "./certificate-exchange.js";
import type { Partner, PartnerDirectory } from "./partner.js";
import type { ReceivedFile } from "./station-events.js";

/** What happens when the inbox has a file of that name: refuse the new one (reason 13), give it another name, or replace. */
export type OverwritePolicy = "never" | "rename" | "replace";

/** An incoming file that is to be decided on. */
export interface FileOffer {
  readonly partner: Partner;
  readonly sfid: Sfid;
  /** The name that it would get, made safe. */
  readonly fileName: string;
  /** The folder that it would come to. */
  readonly folder: string;
}

/** What to do with an incoming file. What is left out stays as offered. */
export type FileDecision =
  | {
      readonly accept: true;
      readonly fileName?: string | undefined;
      readonly folder?: string | undefined;
      readonly overwrite?: OverwritePolicy | undefined;
    }
  | {
      readonly accept: false;
      /** SFNAREAS, see `answerReasons`. */
      readonly reason: number;
      /** Whether the partner may try again later. Default false. */
      readonly retry?: boolean | undefined;
      readonly text?: string | undefined;
    };

/** How a received file is answered: EERP, NERP, or later with {@link OftpStation.respond}. */
export type EndResponseDecision =
  | "eerp"
  | "later"
  /** NERPREAS, see `negativeResponseReasons`. */
  | { readonly reason: number; readonly text?: string | undefined };

/** A certificate of a partner that is about to be relied on. */
export interface CertificateUse {
  readonly partner: Partner;
  readonly certificate: Certificate;
  readonly purpose: SecurityPurpose;
}

/** A certificate that a partner has sent. */
export interface CertificateOffer {
  readonly partner: Partner;
  /** `request`: it asks for this station's in return. `replace`: those before it are not to be used any more. */
  readonly exchange: CertificateExchange;
  readonly certificate: Certificate;
  /** Those that the station has of this partner. */
  readonly known: readonly Certificate[];
  /** SFIDDESC: often names the certificate that is replaced. */
  readonly description: string;
}

/** Whether a certificate becomes one of the partner's. */
export type CertificateDecision =
  | { readonly accept: true; readonly purposes?: readonly SecurityPurpose[] | undefined }
  | { readonly accept: false; readonly text?: string | undefined };

/** Decisions of the application. Each has a safe default. */
export interface StationHooks {
  /** A known partner with the right password wants a session. Default: true. A text refuses it, and is told to the partner. */
  readonly acceptSession?: (context: {
    readonly partner: Partner;
    readonly ssid: Ssid;
    readonly remoteAddress: string | undefined;
  }) => boolean | string | Promise<boolean | string>;
  /** Default: accept under the offered name. */
  readonly acceptFile?: (offer: FileOffer) => FileDecision | Promise<FileDecision>;
  /** Called when a file is stored. Default: EERP. */
  readonly endResponse?: (
    file: ReceivedFile,
    partner: Partner,
  ) => EndResponseDecision | Promise<EndResponseDecision>;
  /**
   * A certificate of a partner is about to be relied on: its chain, whether it is revoked (`verifyCertificate` of cert-store).
   * Default: those of the partner's entry are trusted for being there. That it is valid now is checked without it.
   */
  readonly trustCertificate?: (use: CertificateUse) => boolean | Promise<boolean>;
  /**
   * A partner sends a certificate (`ODETTE_CERTIFICATE_…`). Accepted, it is one of the partner's from now on, and the partner gets
   * an EERP; else a NERP with the text. Default: not accepted.
   */
  readonly acceptCertificate?: (
    offer: CertificateOffer,
  ) => CertificateDecision | Promise<CertificateDecision>;
}

/** Options of {@link OftpStation}. */
export interface StationOptions {
  /** The identification code of this station, up to 25 characters (RFC 5024 section 5.4). */
  readonly ssid: string;
  /** The code that its files come from and go to. Default: the SSID. */
  readonly sfid?: string | undefined;
  /** The password that it presents, up to 8 characters. */
  readonly password: string;
  readonly partners: PartnerDirectory;
  /** Received files land in `inbox/<partner>/`. */
  readonly inbox: string;
  /** Files in `outbox/<partner>/` are sent. Default: only files that were queued. */
  readonly outbox?: string | undefined;
  /** Parts of files, files that are passed on, locks. On the file system of the inbox. */
  readonly work: string;
  /** What must survive a crash. */
  readonly store: StateStore;
  /** Names of received files; see `receivedFileName`. Default `%VirtualFileName%`. */
  readonly namePattern?: string | undefined;
  /** Default `rename`. */
  readonly overwrite?: OverwritePolicy | undefined;
  /** Octets; larger ones are refused with reason 06. Default: no limit. */
  readonly maxFileSize?: number | undefined;
  /**
   * How many octets one octet of a compressed file may become, after the first MiB; more is refused with reason 23. The size that the
   * partner announces (SFIDOSIZ) is a limit in any case. Default: 200 for files whose size is not announced.
   */
  readonly maxCompressionRatio?: number | undefined;
  /** Sessions at the same time; more are refused with ESID 08. Default 100. */
  readonly maxSessions?: number | undefined;
  /** Octets of the largest data exchange buffer. Default 32768. */
  readonly bufferSize?: number | undefined;
  /** Data exchange buffers before a CDT. Default 99. */
  readonly credit?: number | undefined;
  readonly inactivityTimeoutMs?: number | undefined;
  readonly localTimeoutMs?: number | undefined;
  /** Default: no limit. */
  readonly maxSessionMs?: number | undefined;
  readonly hooks?: StationHooks | undefined;
  /**
   * Certificates of this station with their keys: any of them decrypts, all that are valid sign (RFC 5024 section 6.2), so that a new
   * one and an old one can be used at the same time. Default: none, so files are neither signed nor decrypted.
   */
  readonly identities?: readonly OwnIdentity[] | undefined;
  readonly logger?: Logger | undefined;
  /** The clock. Default: the system's. */
  readonly now?: (() => Date) | undefined;
}
