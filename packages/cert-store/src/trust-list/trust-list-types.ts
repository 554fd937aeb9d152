import type { TransferError } from "@waybill/net-core";
import type { Certificate } from "../certificate-types.js";

/** What a service was before its present status (ETSI TS 119 612 section 5.6). */
export interface TrustServiceHistoryEntry {
  readonly name: string;
  /** A URI, for example that of {@link SERVICE_TYPE_CA_PKC}. */
  readonly type: string;
  /** A URI. */
  readonly status: string;
  readonly statusStartingTime: Date;
}

/** One service of a provider (ETSI TS 119 612 section 5.5), of OFTP2's lists a certification authority. */
export interface TrustService {
  /** In English where the list has it. */
  readonly name: string;
  /** What kind of service it is: a URI. */
  readonly type: string;
  /** Its present status: a URI. */
  readonly status: string;
  readonly statusStartingTime: Date;
  /**
   * The certificates of its digital identity, as listed. Odette's list has the authority and its whole chain up to the root:
   * see `authoritiesOf` for the one that may issue. Empty when one of them cannot be read.
   */
  readonly certificates: readonly Certificate[];
  /** Earlier statuses, in the order of the list. */
  readonly history: readonly TrustServiceHistoryEntry[];
}

/** A trust service provider (ETSI TS 119 612 section 5.4). */
export interface TrustServiceProvider {
  /** In English where the list has it. */
  readonly name: string;
  readonly tradeName: string | undefined;
  readonly services: readonly TrustService[];
}

/** A trust service status list (ETSI TS 102 231, TS 119 612). Immutable. */
export interface TrustList {
  /** `TSLVersionIdentifier`. */
  readonly version: number;
  /** Grows with every issue of the list. */
  readonly sequenceNumber: number;
  /** `TSLType`: a URI, or an empty string. */
  readonly type: string;
  /** Who runs the scheme, in English where the list has it. */
  readonly operatorName: string;
  readonly schemeName: string;
  /** A country or region, or an empty string. */
  readonly territory: string;
  readonly issueTime: Date;
  /** When the next issue is due at the latest; null when the scheme is closed and none will come. */
  readonly nextUpdate: Date | null;
  readonly providers: readonly TrustServiceProvider[];
  /** Services whose certificates cannot be read, with the reason: they are not trusted, the others are. */
  readonly problems: readonly TransferError[];
}
