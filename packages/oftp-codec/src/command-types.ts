/**
 * The values that commands of ODETTE-FTP carry (RFC 5024 section 5.3). One shape for all release levels: a field that a
 * level does not have is left out when it is encoded, and has the value that means "not used" when it was decoded.
 */

/** The value of SSIDLEV: 1 is release 1.2, 2 is 1.3, 4 is 1.4, 5 is 2.0. */
export type ProtocolLevel = 1 | 2 | 4 | 5;

/** SFIDFMT: F fixed and V variable records, U unstructured, T text. */
export type FileFormat = "F" | "V" | "U" | "T";

/** SSIDSR: what a location can do in a session: S only send, R only receive, B both. */
export type Capability = "S" | "R" | "B";

/** SFIDSEC: 0 none, 1 encrypted, 2 signed, 3 both. */
export type SecurityLevel = 0 | 1 | 2 | 3;

/**
 * SFIDDATE and SFIDTIME as they are written: `CCYYMMDD` and `HHMMSScccc`. Below level 4 the wire has `YYMMDD` and
 * `HHMMSS`: the century is supplied (80 to 99 mean 19xx) and the counter is `0000`.
 */
export interface VirtualFileTime {
  readonly date: string;
  readonly time: string;
}

/** What names a virtual file, in SFID, EERP and NERP alike (RFC 5024 section 1.5.2). */
export interface VirtualFileId {
  /** Dataset name, up to 26 characters. */
  readonly datasetName: string;
  readonly timestamp: VirtualFileTime;
  /** Identification codes, up to 25 characters. In EERP and NERP these two are those of the file, swapped. */
  readonly destination: string;
  readonly originator: string;
}

export interface Ssrm {
  readonly kind: "SSRM";
}

export interface Ssid {
  readonly kind: "SSID";
  readonly level: ProtocolLevel;
  /** SSIDCODE: the identification code of the sender, up to 25 characters. */
  readonly code: string;
  readonly password: string;
  /** SSIDSDEB: octets of the largest exchange buffer accepted, 128 to 99999, without the stream transmission header. */
  readonly bufferSize: number;
  readonly capability: Capability;
  readonly compression: boolean;
  readonly restart: boolean;
  readonly specialLogic: boolean;
  /** SSIDCRED: data exchange buffers that may be sent before a CDT, 1 to 999. */
  readonly credit: number;
  /** SSIDAUTH, level 5 only. */
  readonly authentication: boolean;
  readonly userData: string;
}

export interface Sfid extends VirtualFileId {
  readonly kind: "SFID";
  readonly userData: string;
  readonly format: FileFormat;
  /** SFIDLRECL in octets; 0 for U and T. */
  readonly maxRecordSize: number;
  /** SFIDFSIZ in blocks of 1024 octets. */
  readonly fileSize: number;
  /** SFIDOSIZ in blocks of 1024 octets; 0 when it is not known. Below level 5: that of `fileSize`. */
  readonly originalFileSize: number;
  /** SFIDREST: records for F and V, blocks of 1024 octets for U and T. */
  readonly restartPosition: number;
  readonly securityLevel: SecurityLevel;
  /** SFIDCIPH, 0 to 99. */
  readonly cipherSuite: number;
  /** SFIDCOMP: 1 is ZLIB. */
  readonly compression: 0 | 1;
  /** SFIDENV: 1 is CMS. */
  readonly envelope: 0 | 1;
  /** SFIDSIGN: the end response must be signed. */
  readonly signedReceipt: boolean;
  /** SFIDDESC, up to 999 octets of UTF-8. */
  readonly description: string;
}

export interface Sfpa {
  readonly kind: "SFPA";
  /** SFPAACNT, in the unit of SFIDREST. */
  readonly restartPosition: number;
}

export interface Sfna {
  readonly kind: "SFNA";
  readonly reason: number;
  readonly retry: boolean;
  readonly text: string;
}

export interface Data {
  readonly kind: "DATA";
  /** DATABUF: the subrecords, without the command octet. Shares the memory of what was decoded. */
  readonly payload: Uint8Array;
}

export interface Cdt {
  readonly kind: "CDT";
}

export interface Efid {
  readonly kind: "EFID";
  /** Records for F and V, else 0. */
  readonly recordCount: number;
  /** Octets of the whole file. */
  readonly unitCount: number;
}

export interface Efpa {
  readonly kind: "EFPA";
  /** EFPACD: the listener wants to become speaker. */
  readonly changeDirection: boolean;
}

export interface Efna {
  readonly kind: "EFNA";
  readonly reason: number;
  readonly text: string;
}

export interface Esid {
  readonly kind: "ESID";
  readonly reason: number;
  readonly text: string;
}

export interface Cd {
  readonly kind: "CD";
}

export interface Eerp extends VirtualFileId {
  readonly kind: "EERP";
  readonly userData: string;
  /** EERPHSH, empty when there is none. */
  readonly hash: Uint8Array;
  /** EERPSIG, empty when it is not signed. */
  readonly signature: Uint8Array;
}

export interface Nerp extends VirtualFileId {
  readonly kind: "NERP";
  /** NERPCREA: the identification code of who made it. */
  readonly creator: string;
  readonly reason: number;
  readonly text: string;
  readonly hash: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Rtr {
  readonly kind: "RTR";
}

export interface Secd {
  readonly kind: "SECD";
}

export interface Auch {
  readonly kind: "AUCH";
  readonly challenge: Uint8Array;
}

export interface Aurp {
  readonly kind: "AURP";
  /** 20 octets. */
  readonly response: Uint8Array;
}

export type Command =
  | Ssrm
  | Ssid
  | Sfid
  | Sfpa
  | Sfna
  | Data
  | Cdt
  | Efid
  | Efpa
  | Efna
  | Esid
  | Cd
  | Eerp
  | Nerp
  | Rtr
  | Secd
  | Auch
  | Aurp;

export type CommandKind = Command["kind"];
