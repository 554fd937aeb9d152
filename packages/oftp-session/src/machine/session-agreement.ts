/** How the entries D, E and G of RFC 5024 section 9.8 find out what two stations agree on. */
import { endSessionReasons, type ProtocolLevel } from "@waybill/oftp-codec";
import {
  intersectModes,
  levelWithAuthentication,
  lowerLevel,
  type Negotiation,
  negotiate,
} from "./negotiation.js";
import type { SessionConstants, SessionVariables } from "./state.js";
import { type Draft, input } from "./table-types.js";

/** Says why, for a predicate that holds. */
export function fail(draft: Draft, reason: number, text: string): true {
  draft.reason = reason;
  draft.text = text;
  return true;
}

/** Whether the partner's SSID demands authentication; below level 5 it cannot. */
export function partnerAuthenticates(draft: Draft): boolean {
  const partner = draft.event.type === "SSID" ? draft.event.command : draft.variables.partner;
  if (partner === undefined) return false;
  const { variables } = draft;
  const limit = draft.event.type === "F_CONNECT_RS" ? draft.event.limits?.level : undefined;
  const level = Math.min(partner.level, variables.level, limit ?? variables.level);
  return partner.authentication && level >= levelWithAuthentication;
}

/** P2 and P4. Authentication is compared by P8 and P10, so it is left out here. */
export function negotiated(draft: Draft): Negotiation {
  draft.negotiation ??= negotiateFor(draft);
  if (!draft.negotiation.ok) fail(draft, draft.negotiation.reason, draft.negotiation.text);
  return draft.negotiation;
}

function negotiateFor(draft: Draft): Negotiation {
  const { constants } = draft.state;
  const { event, variables } = draft;
  const authentication = partnerAuthenticates(draft);
  if (event.type === "SSID") {
    const own = ownOffer(variables, constants);
    return negotiate({ ...own, authentication }, event.command, variables.caller);
  }
  const answer = input(draft, "F_CONNECT_RS");
  const partner = variables.partner;
  if (partner === undefined) throw new TypeError("F_CONNECT_RS without an SSID");
  const mode = intersectModes(variables.mode, answer.mode);
  if (mode === undefined) {
    const text = `mode ${answer.mode} is asked for, but this station's is ${variables.mode}`;
    return { ok: false, reason: endSessionReasons.modeIncompatible.code, text };
  }
  const own = ownOffer(variables, constants);
  const limits = answer.limits ?? {};
  const { level = own.level, minimumLevel = own.minimumLevel } = limits;
  return negotiate(
    {
      level: lowerLevel(level, own.level),
      minimumLevel: Math.max(minimumLevel, own.minimumLevel) as ProtocolLevel,
      bufferSize: Math.min(own.bufferSize, limits.maxBufSize ?? own.bufferSize),
      credit: Math.min(own.credit, limits.maxWindow ?? own.credit),
      mode,
      compression: own.compression && limits.compression !== false,
      restart: own.restart && answer.restart,
      authentication,
    },
    partner,
    false,
  );
}

function ownOffer(variables: SessionVariables, constants: SessionConstants) {
  return {
    level: variables.level,
    minimumLevel: constants.minimumLevel,
    bufferSize: variables.bufSize,
    credit: variables.window,
    mode: variables.mode,
    compression: variables.compression,
    restart: variables.restart,
  };
}

/** Action 5. */
export function agree(draft: Draft): void {
  const result = negotiated(draft);
  if (!result.ok) throw new TypeError("action 5 of 9.8 without an agreement");
  const { level, bufferSize, credit, mode, compression, restart, authentication } = result.session;
  const { event, variables } = draft;
  const agreed = { level, bufSize: bufferSize, window: credit, mode, compression, restart, authentication };
  if (event.type === "SSID") {
    draft.variables = { ...variables, ...agreed, partner: event.command };
    return;
  }
  const answer = input(draft, "F_CONNECT_RS");
  const partner = variables.partner;
  draft.variables = {
    ...variables,
    ...agreed,
    id: answer.id,
    pswd: answer.password,
    userData: answer.userData ?? "",
    partner: partner && { ...partner, password: "" },
  };
}
