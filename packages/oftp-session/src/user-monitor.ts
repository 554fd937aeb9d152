import type {
  Capability,
  Eerp,
  FileFormat,
  Nerp,
  SecurityLevel,
  Sfid,
  Ssid,
  VirtualFileId,
} from "@waybill/oftp-codec";
import type { NegotiatedSession, PartnerLimits } from "./machine/index.js";

/*
 * What stands above a session: RFC 5024 calls it the User Monitor (section 3.1). The session asks it for what is to be sent
 * and gives it what arrives, one call after the other; it waits for each answer. A monitor that rejects with a
 * `TransferError` of a code that it does not know as a refusal ends the session with ESID 05 (local emergency close down).
 */

/** The security fields of an SFID; what was done to the file before it came here. */
export interface FileSecurity {
  readonly securityLevel: SecurityLevel;
  /** SFIDCIPH, 0 for none. */
  readonly cipherSuite: number;
  readonly compressed: boolean;
  readonly enveloped: boolean;
  readonly signedReceipt: boolean;
}

/** A virtual file that can be sent, as it goes over the wire: already signed, compressed and encrypted where that is wanted. */
export interface OutgoingFile extends VirtualFileId {
  readonly userData: string;
  readonly format: FileFormat;
  /** Octets of the longest record; 0 for U and T. */
  readonly maxRecordSize: number;
  readonly description: string;
  /** Octets of what is transmitted, for SFIDFSIZ. */
  readonly size: number;
  /** Octets before signing, compression and encryption; `size` without them. */
  readonly originalSize: number;
  readonly security: FileSecurity;
  /** The whole file, as EFID is going to say it: for V the octets without the record lengths. */
  readonly totals: FileTotals;
  /**
   * How much of it an earlier session may have brought to the partner, offered as restart position; the partner answers with
   * what it has. After a session that broke this may be `totals`. Undefined: it is sent for the first time.
   */
  readonly sentBefore?: FileTotals | undefined;
  /** It was received from another station and is passed on: its SFID may hold what that station wrote. Default false. */
  readonly relayed?: boolean;
  /**
   * The content from an offset in octets. Called once for each attempt. Format V: each record is preceded by its length, two
   * octets in network byte order (section 6.5); the offset is then always 0 and the session skips what it need not send.
   * A content that does not have `totals` ends the session (ESID 99): the partner must not take it for the whole file.
   */
  open(offset: number): Promise<AsyncIterable<Uint8Array>>;
}

/** How a partner answered an offered or a transmitted file: SFNA or EFNA. */
export interface FileRefusal {
  readonly command: "SFNA" | "EFNA";
  /** SFNAREAS or EFNAREAS. */
  readonly reason: number;
  readonly text: string;
  /** SFNARRTR; false for EFNA. */
  readonly retry: boolean;
}

/** An answer to an incoming file: take it, or why not. */
export type FileAnswer =
  | { readonly accept: true; readonly sink: FileSink }
  | { readonly accept: false; readonly reason: number; readonly retry: boolean; readonly text?: string };

/** What EFID says of the whole file (section 5.3.8). */
export interface FileTotals {
  /** Records for F and V, else 0. */
  readonly records: number;
  /** Octets of user data: without the record lengths of format V. */
  readonly octets: number;
}

/** Where a received file goes. Its calls never overlap. */
export interface FileSink {
  /**
   * How much of the file is kept here from an earlier session: records for F and V, blocks of 1024 octets for U and T, 0 for
   * nothing. The session answers the lower of this and what the partner offers.
   */
  readonly restartPosition: number;
  /**
   * Called before the first `write`, with the agreed position. What is kept beyond it is dropped. Resolves to how much there is
   * before the position, which the totals of EFID include.
   */
  begin(restartPosition: number): Promise<FileTotals>;
  /**
   * Octets of the file, in order; in format V each record preceded by its length, two octets in network byte order. The
   * chunk belongs to the sink until it resolves, and to the session afterwards.
   * A rejection refuses the file: `FileRefusedError` with its reason, anything else with 12 (access method failure).
   */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * The whole file has arrived and its counts are right. Resolves when it is on disk under its final name and the end
   * response that is owed for it is recorded: the session sends EFPA then. A rejection refuses the file.
   */
  finish(totals: FileTotals): Promise<void>;
  /**
   * The file is refused, by this sink or by the session: nothing of it is kept, unless the sink has refused it with retry. Must not
   * reject.
   */
  discard(): Promise<void>;
  /** The session broke: what has arrived is kept for a restart. Must not reject. */
  interrupt(): Promise<void>;
}

/** An end response that is to be sent. `key` is the monitor's own. */
export interface OutgoingEndResponse {
  readonly key: string;
  readonly response: Eerp | Nerp;
}

/** How this station presents itself to a partner. */
export interface SessionIdentity {
  /** SSIDCODE and SSIDPSWD of this station. */
  readonly code: string;
  readonly password: string;
  readonly mode: Capability;
  readonly restart: boolean;
  readonly authentication: boolean;
  readonly userData?: string;
  readonly limits?: PartnerLimits;
}

/** Whether a partner may have a session, and how it is answered. */
export type PartnerAnswer =
  | { readonly accept: true; readonly identity: SessionIdentity }
  /** `reason`: ESIDREAS, for example 3 user code not known, 4 invalid password, 8 resources not available. */
  | { readonly accept: false; readonly reason: number; readonly text?: string };

/** Facts of one session that is open. */
export interface OpenSessionFacts {
  readonly partner: Ssid;
  readonly negotiated: NegotiatedSession;
}

/** What the speaker does next. */
export type SpeakerWork =
  | { readonly kind: "endResponse"; readonly endResponse: OutgoingEndResponse }
  | { readonly kind: "file"; readonly file: OutgoingFile }
  /** Nothing (more): the partner gets the turn, and the session ends when it has nothing either. */
  | { readonly kind: "nothing" };

/** See the top of this file. */
export interface UserMonitor {
  /** Responder: who calls is an SSID that was received. Initiator: the SSID that the called station answers with. */
  admit(ssid: Ssid): Promise<PartnerAnswer>;
  /** The session is open. */
  opened?(facts: OpenSessionFacts): void;
  /**
   * This station is the speaker: what it sends next. Asked again after each piece of work was settled. While it waits, the
   * partner waits too.
   */
  nextWork(): Promise<SpeakerWork>;
  /** RTR came for it: it is owed no longer. */
  endResponseSent(response: OutgoingEndResponse): Promise<void>;
  /**
   * It cannot be sent in this session, and was not: a NERP below level 4 (`ERR_OFTP_COMMAND_NOT_IN_LEVEL`), or one that
   * cannot be encoded. It is still owed. When `nextWork` gives it again in the same session, that counts as "nothing".
   */
  endResponseImpossible?(response: OutgoingEndResponse, error: unknown): Promise<void>;
  /** EFPA came: the partner has the file. */
  fileSent(file: OutgoingFile, totals: FileTotals): Promise<void>;
  /** SFNA or EFNA came. */
  fileRefused(file: OutgoingFile, refusal: FileRefusal): Promise<void>;
  /**
   * It could not be sent for a reason of this side, or the session ended meanwhile. Where the session goes on (it could not
   * even be announced), `nextWork` is not to give the same object again: that counts as "nothing".
   */
  fileInterrupted(file: OutgoingFile, sent: FileTotals, error: unknown): Promise<void>;
  /** SFID came. */
  receive(sfid: Sfid, negotiated: NegotiatedSession): Promise<FileAnswer>;
  /** EERP or NERP came. RTR is sent once this resolved: what it says must be recorded by then. */
  endResponseReceived(response: Eerp | Nerp): Promise<void>;
  /** A file was stored: whether this station asks to become the speaker with EFPA (EFPACD). Default false. */
  wantsTurn?(): boolean;
}
