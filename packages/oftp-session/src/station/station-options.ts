import type { Logger } from "@waybill/net-core";
import type { Sfid, Ssid } from "@waybill/oftp-codec";
import type { SessionAuthenticator } from "../driver/session-options.js";
import type { StateStore } from "../state-store.js";
import type { FileProtection } from "./file-protection.js";
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
  readonly protection?: FileProtection | undefined;
  readonly authenticator?: SessionAuthenticator | undefined;
  readonly logger?: Logger | undefined;
  /** The clock. Default: the system's. */
  readonly now?: (() => Date) | undefined;
}
