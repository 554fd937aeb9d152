import { timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { optionError } from "@waybill/net-core";
import type { Capability, ProtocolLevel } from "@waybill/oftp-codec";
import type {
  OwnIdentity,
  PartnerCertificate,
  PartnerSecurity,
  SecureAuthentication,
} from "../security/partner-security.js";
import { isSafeFileName } from "../storage/safe-file-name.js";
import type { PartnerAddress } from "./dial-partner.js";

/** Another station that this one exchanges files with. */
export interface Partner {
  /** What it is called here: in the log, in commands, as the name of its folders. */
  readonly name: string;
  /** The identification code with which it opens sessions, up to 25 characters. */
  readonly ssid: string;
  /** The password that it presents. Compared without regard to padding. */
  readonly password: string;
  /** The codes that files come from and go to; the first is the default destination. Default: its SSID. */
  readonly sfids?: readonly string[] | undefined;
  /** Codes of stations behind it: files for them go to this partner. */
  readonly routes?: readonly string[] | undefined;
  /** Files of any originator may come from it, not only of `sfids` and `routes`. Default false. */
  readonly anyOriginator?: boolean | undefined;
  /** Where it is called. Default: it calls. */
  readonly address?: PartnerAddress | undefined;
  /** How this station presents itself to it, where that is not the station's own code and password. */
  readonly ownSsid?: string | undefined;
  readonly ownPassword?: string | undefined;
  /** The code that files for it come from. Default: the station's SFID. */
  readonly ownSfid?: string | undefined;
  /** Highest level spoken with it. Default 5. */
  readonly level?: ProtocolLevel | undefined;
  /** Lowest level accepted from it. Default 1. */
  readonly minimumLevel?: ProtocolLevel | undefined;
  /** Octets, 128 to 99999. Default: the station's. */
  readonly bufferSize?: number | undefined;
  /** 1 to 999. Default: the station's. */
  readonly credit?: number | undefined;
  /** Compression of data exchange buffers, where the partner can do it too. Default false. */
  readonly compression?: boolean | undefined;
  /** Restart of files, where the partner can do it too. Default true. */
  readonly restart?: boolean | undefined;
  /** In own terms: "S" only sends to it. Default "B". */
  readonly mode?: Capability | undefined;
  /** Sessions with it at the same time. Default 4. */
  readonly maxSessions?: number | undefined;
  /** Addresses and CIDR ranges that it may call from. Default: any. */
  readonly allowedAddresses?: readonly string[] | undefined;
  /**
   * Its certificates: any of them verifies, files are encrypted for the newest that is valid. Those that it sends and that
   * are accepted (`StationHooks.acceptCertificate`) are kept by the station and come on top. Default: none.
   */
  readonly certificates?: readonly PartnerCertificate[] | undefined;
  /** This station's certificates where they are others than for everybody (`StationOptions.identities`). */
  readonly ownIdentities?: readonly OwnIdentity[] | undefined;
  /** Default: files go as they are; what comes is opened as far as there are keys and certificates for it. */
  readonly security?: PartnerSecurity | undefined;
  /** Default `allowed`, where there are certificates of both sides for it; else `refused`. */
  readonly secureAuthentication?: SecureAuthentication | undefined;
}

/** Where a station looks its partners up. Asked anew for every session, so that changes need no restart. */
export interface PartnerDirectory {
  byName(name: string): Promise<Partner | undefined>;
  /** The partner that opens sessions with this code. */
  bySsid(code: string): Promise<Partner | undefined>;
  /** The partner that has this code among its SFIDs, or behind which the station with this code is. */
  bySfid(code: string): Promise<Partner | undefined>;
}

/** A directory of partners that are known beforehand. */
export function partnerDirectory(partners: readonly Partner[]): PartnerDirectory {
  return {
    byName: async (name) => partners.find((partner) => partner.name === name),
    bySsid: async (code) => partners.find((partner) => sameCode(partner.ssid, code)),
    bySfid: async (code) =>
      partners.find((partner) => sfidsOf(partner).some((sfid) => sameCode(sfid, code))) ??
      partners.find((partner) => partner.routes?.some((route) => sameCode(route, code)) === true),
  };
}

/** The codes that files of a partner itself come from and go to. */
export function sfidsOf({ sfids, ssid }: Partner): readonly string[] {
  return sfids ?? [ssid];
}

/** Codes are padded with spaces on the wire (RFC 5024 section 5.3). */
export function sameCode(one: string, other: string): boolean {
  return one.trimEnd() === other.trimEnd();
}

/** A partner's folder in the inbox or the outbox. Errors: `ERR_OPTION_INVALID` for a name that is no folder's. */
export function partnerFolder(root: string, { name }: Pick<Partner, "name">): string {
  if (!isSafeFileName(name)) throw optionError("name", "of a partner must be one that a folder can have");
  return join(root, name);
}

const PASSWORD_OCTETS = 8;

/** Compares passwords in constant time, padded as on the wire. */
export function samePassword(expected: string, given: string): boolean {
  const padded = (password: string) =>
    Buffer.from(
      password
        .trimEnd()
        .padEnd(PASSWORD_OCTETS)
        .slice(0, 2 * PASSWORD_OCTETS)
        .padEnd(2 * PASSWORD_OCTETS),
      "latin1",
    );
  return timingSafeEqual(padded(expected), padded(given));
}

/** Whether files of an originator may come from a partner: it is its own code, or that of a station behind it. */
export function mayOriginate(partner: Partner, originator: string): boolean {
  if (partner.anyOriginator === true) return true;
  return [...sfidsOf(partner), ...(partner.routes ?? [])].some((code) => sameCode(code, originator));
}
