import type { Certificate } from "@waybill/cert-store";
import type { TlsPeer, TransferError } from "@waybill/net-core";
import type { Eerp, Nerp, Sfid, Ssid } from "@waybill/oftp-codec";
import type { SessionEndError } from "../driver/session-end.js";
import type { TrailEntry } from "../driver/session-options.js";
import type { NegotiatedSession } from "../machine/index.js";
import type { FileRefusal, OutgoingFile } from "../user-monitor.js";
import type { CertificateExchange } from "./certificate-exchange.js";
import type { QueuedFile } from "./outgoing-queue.js";
import type { Partner } from "./partner.js";

/** Which session something happened in. */
export interface SessionContext {
  readonly id: string;
  readonly role: "initiator" | "responder";
  /** Undefined until the partner is known. */
  readonly partner: Partner | undefined;
  readonly remoteAddress: string | undefined;
  /** Certificate, protocol and cipher of a session over TLS. */
  readonly tls: TlsPeer | undefined;
}

/** A received file that is stored. */
export interface ReceivedFile {
  /** For {@link OftpStation.respond}. */
  readonly key: string;
  readonly sfid: Sfid;
  readonly path: string;
  /** Octets of user data. */
  readonly octets: number;
  readonly security: ReceivedSecurity;
}

/** What a received file came in. */
export interface ReceivedSecurity {
  readonly encrypted: boolean;
  readonly compressed: boolean;
  /** The fingerprint (SHA-256, hexadecimal) of the partner's certificate whose signature was verified. */
  readonly signer: string | undefined;
  /** Its end response is signed. */
  readonly signedReceipt: boolean;
}

/** What a station tells. Each event has one argument. */
export interface StationEvents {
  sessionOpened: [
    { readonly session: SessionContext; readonly partnerSsid: Ssid; readonly negotiated: NegotiatedSession },
  ];
  sessionEnded: [{ readonly session: SessionContext; readonly error: SessionEndError | undefined }];
  sendStarted: [
    { readonly session: SessionContext; readonly file: QueuedFile; readonly outgoing: OutgoingFile },
  ];
  /** EFPA came; the end response comes later. */
  fileSent: [{ readonly session: SessionContext; readonly file: QueuedFile; readonly octets: number }];
  /** The partner refuses it. It is not tried again unless `refusal.retry`. */
  fileRefused: [
    { readonly session: SessionContext; readonly file: QueuedFile; readonly refusal: FileRefusal },
  ];
  /** It could not be sent now; it stays queued, unless `dropped`. */
  fileInterrupted: [
    {
      readonly session: SessionContext;
      readonly file: QueuedFile;
      readonly error: unknown;
      readonly dropped: boolean;
    },
  ];
  receiveStarted: [{ readonly session: SessionContext; readonly sfid: Sfid }];
  fileReceived: [{ readonly session: SessionContext; readonly file: ReceivedFile }];
  /** A file that came was not taken, or not kept. */
  receiveRefused: [
    { readonly session: SessionContext; readonly sfid: Sfid; readonly reason: number; readonly text: string },
  ];
  progress: [
    {
      readonly session: SessionContext;
      readonly direction: "sent" | "received";
      readonly sfid: Sfid;
      readonly octets: number;
    },
  ];
  /** An EERP or NERP for a file that this station has sent; once for each file. */
  endResponseReceived: [
    {
      readonly session: SessionContext;
      readonly response: Eerp | Nerp;
      readonly file: QueuedFile | undefined;
      /** The partner's certificate whose signature was verified, where a signed one was asked for. */
      readonly signer?: Certificate | undefined;
    },
  ];
  /**
   * An end response that was to be signed and is not, or not by the partner, or for something else: the file stays
   * unacknowledged. `error.code` is one of cms-security's `ERR_CMS_RECEIPT_…`.
   */
  endResponseInvalid: [
    {
      readonly session: SessionContext;
      readonly response: Eerp | Nerp;
      readonly file: QueuedFile;
      readonly error: TransferError;
    },
  ];
  /** A file is being signed, compressed and encrypted before it is sent. `octets` of `size` are done. */
  sealing: [{ readonly file: QueuedFile; readonly octets: number; readonly size: number }];
  /** A partner has sent a certificate. `text` says why it was not accepted. */
  certificateReceived: [
    {
      readonly partner: string;
      readonly exchange: CertificateExchange;
      readonly certificate: Certificate | undefined;
      readonly accepted: boolean;
      readonly text: string;
    },
  ];
  /** The partner has taken an end response of this station. */
  endResponseSent: [{ readonly session: SessionContext; readonly response: Eerp | Nerp }];
  /** Every exchange buffer, in both directions. Costs time: only when somebody listens when the session begins. */
  trail: [{ readonly session: SessionContext; readonly entry: TrailEntry }];
}
