/** The output events of RFC 5024 section 9.5, built from the event and the variables of a transition. */
import { type Command, endSessionReasons } from "@waybill/oftp-codec";
import type { AbortOrigin, Action } from "./actions.js";
import type { NegotiatedSession } from "./negotiation.js";
import type { SessionVariables } from "./state.js";
import { type Draft, input, type Output } from "./table-types.js";

function output(label: string, build: (draft: Draft) => Action): Output {
  return {
    label,
    emit: (draft) => {
      draft.actions.push(build(draft));
    },
  };
}

/** A command that always looks the same. */
function fixedCommand(command: Command): Output {
  const action: Action = Object.freeze({ type: "send", command: Object.freeze(command) });
  return output(command.kind, () => action);
}

/** A primitive without parameters. */
function primitive(type: "N_CON_RQ" | "N_CON_RS" | "N_DISC_RQ" | "F_DATA_CF" | "F_RTR_CF" | "F_RELEASE_IND") {
  const action: Action = Object.freeze({ type });
  return output(type, () => action);
}

function send(command: Command): Action {
  return { type: "send", command };
}

/** What the variables say about the session that was agreed on. */
export function sessionOf(variables: SessionVariables): NegotiatedSession {
  return {
    level: variables.level,
    bufferSize: variables.bufSize,
    credit: variables.window,
    mode: variables.mode,
    compression: variables.compression,
    restart: variables.restart,
    authentication: variables.authentication,
  };
}

export const nConRq = primitive("N_CON_RQ");
export const nConRs = primitive("N_CON_RS");
export const nDiscRq = primitive("N_DISC_RQ");
export const fDataCf = primitive("F_DATA_CF");
export const fRtrCf = primitive("F_RTR_CF");
export const fReleaseInd = primitive("F_RELEASE_IND");

export const ssrm = fixedCommand({ kind: "SSRM" });
export const secd = fixedCommand({ kind: "SECD" });
export const cdt = fixedCommand({ kind: "CDT" });
export const cd = fixedCommand({ kind: "CD" });
export const rtr = fixedCommand({ kind: "RTR" });

/** From the local variables (action 3 of 9.8). Special logic is always refused. */
export const ssid: Output = output("SSID", (draft) => {
  const v = draft.variables;
  draft.variables = { ...v, pswd: "" };
  return send({
    kind: "SSID",
    level: v.level,
    code: v.id,
    password: v.pswd,
    bufferSize: v.bufSize,
    capability: v.mode,
    compression: v.compression,
    restart: v.restart,
    specialLogic: false,
    credit: v.window,
    authentication: v.authentication,
    userData: v.userData,
  });
});

export const auch: Output = output("AUCH", (draft) =>
  send({ kind: "AUCH", challenge: input(draft, "AUCH_READY").challenge }),
);
export const aurp: Output = output("AURP", (draft) =>
  send({ kind: "AURP", response: input(draft, "AURP_READY").response }),
);
export const auchNeeded: Output = output("AUCH_NEEDED", () => ({ type: "AUCH_NEEDED" }));
export const aurpNeeded: Output = output("AURP_NEEDED", (draft) => ({
  type: "AURP_NEEDED",
  challenge: input(draft, "AUCH").command.challenge,
}));

/** "02": the reason as the tables print it; "R": the one that the event or the negotiation gave. */
export function esid(reason: "00" | "02" | "07" | "09" | "11" | "12" | "R"): Output {
  const text = reasonTexts[reason];
  return output(`ESID(R=${reason})`, (draft) => {
    if (reason !== "R") draft.reason = Number(reason);
    if (text !== undefined) draft.text = text(draft);
    return send({ kind: "ESID", reason: draft.reason, text: draft.text });
  });
}

// The end that the partner is told says which buffer was wrong and when, and nothing of what it contained.
const reasonTexts: Readonly<Record<string, ((draft: Draft) => string) | undefined>> = {
  "00": () => "",
  "02": (draft) => draft.text || `${draft.event.type} is not valid in state ${draft.state.name}`,
  "07": (draft) => `${draft.event.type} is larger than ${draft.variables.bufSize} octets`,
  "09": (draft) => `nothing came in state ${draft.state.name}`,
  "11": () => "the challenge was not answered with what it holds",
  "12": (draft) =>
    draft.variables.authentication
      ? "secure authentication is required here"
      : "secure authentication is not available here",
};

/** `R` is the reason of the ESID before it, or the one that an action has set. */
export function fAbortInd(origin: AbortOrigin): Output {
  return output(`F_ABORT_IND(AO=${origin === "local" ? "L" : "D"})`, (draft) => ({
    type: "F_ABORT_IND",
    reason: draft.reason,
    text: draft.text,
    origin,
  }));
}

/** With the reason and text of the ESID that was received. */
export const fAbortIndReceived: Output = output("F_ABORT_IND(Received ESID Reason,AO=D)", (draft) => {
  const { reason, text } = input(draft, "ESID").command;
  return { type: "F_ABORT_IND", reason, text, origin: "distant" };
});

/** The network ended the connection: no reason is known (section 3.4.4, cases 4 and 5). */
export const fAbortIndNetwork: Output = output("F_ABORT_IND", (draft) => ({
  type: "F_ABORT_IND",
  reason: endSessionReasons.unspecified.code,
  text: input(draft, "N_DISC_IND", "N_RST_IND").text ?? "the connection was closed",
  origin: "distant",
}));

export const fConnectInd: Output = output("F_CONNECT_IND", (draft) => {
  if (!draft.negotiation?.ok) throw new TypeError("F_CONNECT_IND without a negotiation");
  return {
    type: "F_CONNECT_IND",
    ssid: input(draft, "SSID").command,
    session: draft.negotiation.session,
  };
});

export const fConnectCf: Output = output("F_CONNECT_CF", (draft) => {
  const partner = draft.variables.partner;
  if (partner === undefined) throw new TypeError("F_CONNECT_CF without an SSID");
  draft.variables = { ...draft.variables, partner: { ...partner, password: "" } };
  return { type: "F_CONNECT_CF", ssid: partner, session: sessionOf(draft.variables) };
});

export const sfid: Output = output("SFID", (draft) =>
  send(draft.event.type === "F_START_FILE_RQ" ? draft.event.sfid : stored(draft, "F_START_FILE_RQ").sfid),
);
export const eerp: Output = output("EERP", (draft) =>
  send(draft.event.type === "F_EERP_RQ" ? draft.event.eerp : stored(draft, "F_EERP_RQ").eerp),
);
export const nerp: Output = output("NERP", (draft) =>
  send(draft.event.type === "F_NERP_RQ" ? draft.event.nerp : stored(draft, "F_NERP_RQ").nerp),
);

/** V.Req-buf, forgotten once it is used. */
function stored<T extends "F_EERP_RQ" | "F_NERP_RQ" | "F_START_FILE_RQ">(draft: Draft, type: T) {
  const request = draft.variables.reqBuf;
  if (request?.type !== type) throw new TypeError(`no ${type} is stored`);
  draft.variables = { ...draft.variables, reqBuf: undefined };
  return request as Extract<typeof request, { readonly type: T }>;
}

export const fStartFileInd: Output = output("F_START_FILE_IND", (draft) => ({
  type: "F_START_FILE_IND",
  sfid: input(draft, "SFID").command,
}));
export const sfpa: Output = output("SFPA", (draft) => {
  const answer = input(draft, "F_START_FILE_RS");
  if (!answer.positive) throw new TypeError("SFPA from a refusal");
  return send({ kind: "SFPA", restartPosition: answer.restartPosition });
});
export const sfna: Output = output("SFNA", (draft) => {
  const answer = input(draft, "F_START_FILE_RS");
  if (answer.positive) throw new TypeError("SFNA from an acceptance");
  return send({ kind: "SFNA", reason: answer.reason, retry: answer.retry, text: answer.text ?? "" });
});
export const fStartFileCfPositive: Output = output("F_START_FILE_CF(+)", (draft) => ({
  type: "F_START_FILE_CF",
  positive: true,
  restartPosition: input(draft, "SFPA").command.restartPosition,
}));
export const fStartFileCfNegative: Output = output("F_START_FILE_CF(-)", (draft) => {
  const { reason, retry, text } = input(draft, "SFNA").command;
  return { type: "F_START_FILE_CF", positive: false, reason, retry, text };
});

export const data: Output = output("DATA", (draft) =>
  send({ kind: "DATA", payload: input(draft, "F_DATA_RQ").payload }),
);
export const fDataInd: Output = output("F_DATA_IND", (draft) => ({
  type: "F_DATA_IND",
  payload: input(draft, "DATA").command.payload,
}));

export const efid: Output = output("EFID", (draft) => {
  const { recordCount, unitCount } = input(draft, "F_CLOSE_FILE_RQ");
  return send({ kind: "EFID", recordCount, unitCount });
});
export const fCloseFileInd: Output = output("F_CLOSE_FILE_IND", (draft) => {
  const { recordCount, unitCount } = input(draft, "EFID").command;
  return { type: "F_CLOSE_FILE_IND", recordCount, unitCount };
});
export function efpa(changeDirection: boolean): Output {
  const action: Action = Object.freeze({
    type: "send",
    command: Object.freeze({ kind: "EFPA", changeDirection }),
  });
  return output(changeDirection ? "EFPA(CD-Req)" : "EFPA(no CD)", () => action);
}
export const efna: Output = output("EFNA", (draft) => {
  const answer = input(draft, "F_CLOSE_FILE_RS");
  if (answer.positive) throw new TypeError("EFNA from an acceptance");
  return send({ kind: "EFNA", reason: answer.reason, text: answer.text ?? "" });
});
export function fCloseFileCfPositive(speaker: boolean): Output {
  return output(`F_CLOSE_FILE_CF(+,SP=${speaker ? "Yes" : "No"})`, () => ({
    type: "F_CLOSE_FILE_CF",
    positive: true,
    speaker,
  }));
}
export const fCloseFileCfNegative: Output = output("F_CLOSE_FILE_CF(-)", (draft) => {
  const { reason, text } = input(draft, "EFNA").command;
  return { type: "F_CLOSE_FILE_CF", positive: false, reason, text };
});

export const fEerpInd: Output = output("F_EERP_IND", (draft) => ({
  type: "F_EERP_IND",
  eerp: input(draft, "EERP").command,
}));
export const fNerpInd: Output = output("F_NERP_IND", (draft) => ({
  type: "F_NERP_IND",
  nerp: input(draft, "NERP").command,
}));
export function fCdInd(solicited: boolean): Output {
  return output("F_CD_IND", () => ({ type: "F_CD_IND", solicited }));
}
