import { endSessionReasons, type Ssid } from "@waybill/oftp-codec";
import type { PartnerAnswer, SessionIdentity } from "../user-monitor.js";
import { type Partner, sameCode, samePassword } from "./partner.js";
import type { StationCore } from "./station-core.js";

/** A partner that may have a session, or how it is told that it may not. */
export type Admission =
  | { readonly partner: Partner; readonly leave: () => void }
  | { readonly refusal: Extract<PartnerAnswer, { accept: false }> };

/** Who an SSID is of. `called`: the partner, when this station is the initiator. */
export async function admitPartner(
  core: StationCore,
  ssid: Ssid,
  called: Partner | undefined,
  remoteAddress: string | undefined,
): Promise<Admission> {
  const { options, logger } = core;
  const partner = called ?? (await options.partners.bySsid(ssid.code));
  if (partner === undefined || !sameCode(partner.ssid, ssid.code)) {
    // The same work as for a code that is known, so that the time says nothing.
    samePassword("", ssid.password);
    logger.warn({ code: ssid.code, remoteAddress }, "unknown SSID");
    return refuse(endSessionReasons.userCodeNotKnown.code);
  }
  if (!samePassword(partner.password, ssid.password)) {
    logger.warn({ partner: partner.name, remoteAddress }, "wrong password");
    return refuse(endSessionReasons.invalidPassword.code);
  }
  if (called === undefined && !core.mayCallFrom(partner, remoteAddress)) {
    logger.warn({ partner: partner.name, remoteAddress }, "the partner may not call from there");
    return refuse(endSessionReasons.userCodeNotKnown.code);
  }
  const accepted = await options.hooks?.acceptSession?.({ partner, ssid, remoteAddress });
  if (accepted === false || typeof accepted === "string") {
    return refuse(endSessionReasons.resourcesNotAvailable.code, accepted === false ? undefined : accepted);
  }
  const leave = core.enterSession(partner);
  if (leave !== undefined) return { partner, leave };
  return refuse(endSessionReasons.resourcesNotAvailable.code, "too many sessions with this partner");
}

function refuse(reason: number, text?: string): Admission {
  return { refusal: { accept: false, reason, ...(text === undefined ? {} : { text }) } };
}

/** How this station presents itself. `authentication`: see `StationSecurity.authenticates`. */
export function identityFor(
  { options }: StationCore,
  partner: Partner,
  authentication: boolean,
): SessionIdentity {
  const { level, minimumLevel, bufferSize, credit, compression } = partner;
  return {
    code: partner.ownSsid ?? options.ssid,
    password: partner.ownPassword ?? options.password,
    mode: partner.mode ?? "B",
    restart: partner.restart ?? true,
    authentication,
    limits: {
      compression: compression === true,
      ...(level === undefined ? {} : { level }),
      ...(minimumLevel === undefined ? {} : { minimumLevel }),
      ...(bufferSize === undefined ? {} : { maxBufSize: bufferSize }),
      ...(credit === undefined ? {} : { maxWindow: credit }),
    },
  };
}
