import { timingSafeEqual } from "node:crypto";
import type { Duplex } from "node:stream";
import { errorMessage, type Logger, silentLogger } from "@waybill/net-core";
import {
  type Command,
  decodeCommand,
  encodeCommand,
  endReasonOf,
  endSessionReasons,
  type ProtocolLevel,
  type Ssid,
} from "@waybill/oftp-codec";
import {
  type Action,
  initialState,
  isSessionOpen,
  type NegotiatedSession,
  peerEvent,
  type SessionEvent,
  type SessionState,
  sessionOf,
  transition,
} from "../machine/index.js";
import type { SessionIdentity, UserMonitor } from "../user-monitor.js";
import { InactivityTimer } from "./inactivity-timer.js";
import { Listener } from "./listener.js";
import { connectionLost, endedByEsid, type SessionEndError } from "./session-end.js";
import {
  DEFAULT_INACTIVITY_TIMEOUT_MS,
  DEFAULT_LOCAL_TIMEOUT_MS,
  type InitiatorOptions,
  type ResponderOptions,
  type SessionEnd,
  type SessionOptions,
} from "./session-options.js";
import { SessionWire } from "./session-wire.js";
import { Speaker } from "./speaker.js";
import { waitsForPartner } from "./waiting-states.js";

/** How long the partner may take to disconnect after an ESID. */
const DISCONNECT_MS = 5000;

/** A session that is under way. */
export interface OftpSession {
  /** Resolves once the session has ended, the connection is closed and everything that it touched is settled. Never rejects. */
  readonly ended: Promise<SessionEnd>;
  /** The partner's SSID, its password removed, once the session is open. */
  readonly partner: Ssid | undefined;
  /** What was agreed on, once the session is open. */
  readonly negotiated: NegotiatedSession | undefined;
  /** Sends nothing more: after what is under way, the partner gets the turn, and ends the session when it has nothing. */
  stop(): void;
  /** Ends the session at once, with ESID; default reason 05, emergency close down. */
  abort(reason?: number, text?: string): void;
}

/** Begins a session over a connection that this station has opened. Never throws: see `ended`. */
export function initiateSession(socket: Duplex, options: InitiatorOptions): OftpSession {
  const session = new DrivenSession(socket, options);
  session.initiate(options.identity);
  return session;
}

/** Begins a session over a connection that a partner has opened. Never throws: see `ended`. */
export function respondSession(socket: Duplex, options: ResponderOptions): OftpSession {
  const session = new DrivenSession(socket, options);
  session.respond(options.refuse);
  return session;
}

/** Joins the protocol machine to a connection and to the User Monitor. */
export class DrivenSession implements OftpSession {
  readonly ended: Promise<SessionEnd>;
  readonly monitor: UserMonitor;
  readonly options: SessionOptions;
  readonly wire: SessionWire;
  readonly #logger: Logger;
  readonly #timer: InactivityTimer;
  readonly #speaker: Speaker;
  readonly #listener: Listener;
  #state: SessionState;
  #level: ProtocolLevel;
  #partner: Ssid | undefined;
  #open = false;
  #challenge: Uint8Array | undefined;
  /** Set as soon as the end is known. */
  #end: SessionEnd | undefined;
  #resolveEnded: (end: SessionEnd) => void = () => {};
  #disconnected = false;
  #localWork = 0;
  #maximumTimer: NodeJS.Timeout | undefined;
  readonly #onAbort = () => this.abort();

  constructor(socket: Duplex, options: SessionOptions) {
    this.options = options;
    this.monitor = options.monitor;
    this.#logger = options.logger ?? silentLogger;
    this.#state = initialState(options.constants);
    this.#level = this.#state.constants.level;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#timer = new InactivityTimer(
      () => this.#limitMs(),
      () => this.apply({ type: "TIME-OUT" }),
    );
    this.wire = new SessionWire(socket, {
      buffer: (octets) => this.#onBuffer(octets),
      damaged: (error) => this.#onDamaged(error),
      closed: (error) => this.#onClosed(error),
    });
    this.#speaker = new Speaker(this);
    this.#listener = new Listener(this);
    if (options.maximumMs !== undefined) {
      const { code } = endSessionReasons.timeOut;
      const text = `the session may take ${options.maximumMs} ms`;
      this.#maximumTimer = setTimeout(() => this.abort(code, text), options.maximumMs);
    }
  }

  initiate(identity: SessionIdentity): void {
    const { code, password, mode, restart, authentication, userData } = identity;
    this.#watchSignal();
    if (this.#end !== undefined) return;
    this.apply({
      type: "F_CONNECT_RQ",
      id: code,
      password,
      mode,
      restart,
      authentication,
      ...(userData === undefined ? {} : { userData }),
    });
    if (this.#state.name === "I_WF_NC") this.apply({ type: "N_CON_CF" });
  }

  respond(refuse: ResponderOptions["refuse"]): void {
    this.apply({ type: "N_CON_IND" });
    if (refuse !== undefined) this.release(refuse.reason, refuse.text);
    this.#watchSignal();
  }

  get partner(): Ssid | undefined {
    return this.#partner;
  }

  get negotiated(): NegotiatedSession | undefined {
    return this.#open ? this.session : undefined;
  }

  /** What holds now. */
  get session(): NegotiatedSession {
    return sessionOf(this.#state.variables);
  }

  get level(): ProtocolLevel {
    return this.#level;
  }

  get state(): SessionState["name"] {
    return this.#state.name;
  }

  /** Why the session ended, for those who wait for something; undefined while it goes on. */
  get endError(): SessionEndError | undefined {
    if (this.#end === undefined) return undefined;
    return this.#end.error ?? endedByEsid(endSessionReasons.normal.code, "", "distant");
  }

  stop(): void {
    this.#speaker.stop();
  }

  abort(reason = endSessionReasons.emergencyCloseDown.code as number, text = ""): void {
    if (this.#end === undefined) this.release(reason, text);
  }

  /** Ends the session with ESID; reason 0 is the speaker's normal end. */
  release(reason: number, text = "", cause?: unknown): void {
    if (this.#end !== undefined) return;
    this.#settleEnd(reason === 0 ? undefined : endedByEsid(reason, text, "local", cause));
    this.apply({ type: "F_RELEASE_RQ", reason, text });
    // Before the session is set up there is no ESID: the connection just closes.
    if (this.#state.name === "IDLE") this.wire.disconnect();
  }

  /** Ends the session because of this station's own failure. */
  fail(error: unknown): void {
    if (this.#end !== undefined) return;
    this.#logger.error({ error }, "the session failed here");
    this.release(endSessionReasons.emergencyCloseDown.code, errorMessage(error), error);
  }

  /** Runs what the partner waits for; the session has not ended before it is settled. */
  local(work: () => Promise<void>): void {
    this.#localWork += 1;
    this.#timer.limitChanged();
    work()
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        this.#localWork -= 1;
        this.#finishWhenDone();
      });
  }

  /** Whether the session looks for a time-out of the partner or of this station has changed. */
  waitingChanged(): void {
    this.#timer.limitChanged();
  }

  /** Passes an event to the machine and does what it says. */
  apply(event: SessionEvent): void {
    const { state, actions } = transition(this.#state, event);
    this.#state = state;
    for (const action of actions) this.#perform(action);
    if (!this.#open && isSessionOpen(this.#state)) this.#onOpen();
  }

  /** Sends a data exchange buffer that has been encoded and framed. */
  sendData(framed: Buffer, released: () => void): void {
    this.#trail("sent", framed.subarray(4));
    this.wire.sendFramed(framed, released);
  }

  #perform(action: Action): void {
    switch (action.type) {
      case "send":
        if (action.command.kind !== "DATA") this.#send(action.command);
        break;
      case "N_CON_RQ":
      case "N_CON_RS":
        break;
      case "N_DISC_RQ":
        this.wire.disconnect();
        break;
      case "START_TIMER":
        this.#timer.start();
        break;
      case "STOP_TIMER":
        this.#timer.stop();
        break;
      case "F_CONNECT_IND":
        this.#admit(action.ssid);
        break;
      case "F_CONNECT_CF":
        this.#admitAnswer(action.ssid);
        break;
      case "F_RELEASE_IND":
        this.#settleEnd(undefined);
        break;
      case "F_ABORT_IND":
        this.#onAbortInd(action);
        break;
      case "AUCH_NEEDED":
        this.#makeChallenge();
        break;
      case "AURP_NEEDED":
        this.#answerChallenge(action.challenge);
        break;
      case "USER_ERROR":
        throw new TypeError(`${action.event} in ${action.state}: ${action.text}`);
      case "F_CD_IND":
        this.#speaker.begin(action.solicited);
        break;
      case "F_START_FILE_CF":
      case "F_CLOSE_FILE_CF":
      case "F_RTR_CF":
      case "F_DATA_CF":
        this.#speaker.confirm(action);
        break;
      default:
        this.#listener.indicate(action);
    }
  }

  // --- setting up ---

  /** Responder: who calls. */
  #admit(ssid: Ssid): void {
    this.local(async () => {
      const answer = await this.monitor.admit(ssid);
      if (this.#end !== undefined) return;
      this.#partner = { ...ssid, password: "" };
      if (!answer.accept) {
        this.release(answer.reason, answer.text);
        return;
      }
      const { code, password, mode, restart, authentication, userData, limits } = answer.identity;
      this.apply({
        type: "F_CONNECT_RS",
        id: code,
        password,
        mode,
        restart,
        authentication,
        ...(userData === undefined ? {} : { userData }),
        ...(limits === undefined ? {} : { limits }),
      });
    });
  }

  /** Initiator: who answered. */
  #admitAnswer(ssid: Ssid): void {
    this.#partner = { ...ssid, password: "" };
    this.local(async () => {
      const answer = await this.monitor.admit(ssid);
      if (this.#end !== undefined) return;
      if (answer.accept) this.#speaker.begin(true);
      else this.release(answer.reason, answer.text);
    });
  }

  #makeChallenge(): void {
    this.#authenticate(async (partner, authenticator) => {
      const { challenge, envelope } = await authenticator.challenge(partner);
      this.#challenge = challenge;
      return { type: "AUCH_READY", challenge: envelope };
    });
  }

  #answerChallenge(envelope: Uint8Array): void {
    this.#authenticate(async (partner, authenticator) => ({
      type: "AURP_READY",
      response: await authenticator.answer(partner, envelope),
    }));
  }

  #authenticate(
    step: (
      partner: Ssid,
      authenticator: NonNullable<SessionOptions["authenticator"]>,
    ) => Promise<SessionEvent>,
  ): void {
    this.local(async () => {
      const partner = this.#partner ?? this.#state.variables.partner;
      const { authenticator } = this.options;
      try {
        if (partner === undefined || authenticator === undefined) throw new Error("no certificate for it");
        const event = await step(partner, authenticator);
        if (this.#end === undefined) this.apply(event);
      } catch (error) {
        this.release(endSessionReasons.invalidChallengeResponse.code, errorMessage(error), error);
      }
    });
  }

  #onOpen(): void {
    this.#open = true;
    const { variables } = this.#state;
    this.#partner ??= variables.partner;
    this.wire.maxBufferSize = variables.bufSize;
    if (this.#partner === undefined) return;
    this.monitor.opened?.({ partner: this.#partner, negotiated: this.session });
  }

  // --- the wire ---

  #send(command: Command): void {
    const octets = encodeCommand(command, this.#level, { relayed: true });
    this.#trail("sent", octets, command);
    this.wire.send(octets);
  }

  #onBuffer(octets: Uint8Array): void {
    let command: Command;
    try {
      command = decodeCommand(octets, this.#level);
    } catch (error) {
      this.#trail("received", octets);
      this.apply({ type: "Invalid Buffer", reason: endReasonOf(error), text: errorMessage(error) });
      return;
    }
    if (command.kind === "SSID" && !this.#open) {
      this.#level = Math.min(this.#state.constants.level, command.level) as ProtocolLevel;
    }
    this.#trail("received", octets, command);
    if (command.kind === "AURP") {
      this.apply({ type: "AURP", command, valid: this.#isAnswer(command.response) });
    } else {
      this.apply(peerEvent(command));
    }
  }

  #isAnswer(response: Uint8Array): boolean {
    const challenge = this.#challenge;
    return (
      challenge !== undefined && challenge.length === response.length && timingSafeEqual(challenge, response)
    );
  }

  #onDamaged(error: unknown): void {
    if (this.#disconnected) return;
    this.apply({ type: "Invalid Buffer", reason: endReasonOf(error), text: errorMessage(error) });
  }

  #onClosed(error: Error | undefined): void {
    this.#disconnected = true;
    const text = error === undefined ? "the partner has closed it" : error.message;
    if (this.#end === undefined) this.#settleEnd(connectionLost(text, error));
    this.apply({ type: "N_DISC_IND", text });
    this.#timer.close();
    this.#finishWhenDone();
  }

  #trail(direction: "sent" | "received", octets: Uint8Array, command?: Command): void {
    const { onTrail } = this.options;
    if (onTrail === undefined) return;
    const known = command ?? (direction === "sent" ? decodeCommand(octets, this.#level) : undefined);
    onTrail({ direction, at: Date.now(), octets, command: known, level: this.#level });
  }

  // --- the end ---

  #onAbortInd({ reason, text, origin }: Extract<Action, { type: "F_ABORT_IND" }>): void {
    this.#settleEnd(endedByEsid(reason, text, origin));
  }

  #settleEnd(error: SessionEndError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    clearTimeout(this.#maximumTimer);
    this.options.signal?.removeEventListener("abort", this.#onAbort);
    this.#speaker.end();
    this.#listener.end();
  }

  #finishWhenDone(): void {
    if (this.#end !== undefined && this.#disconnected && this.#localWork === 0) this.#resolveEnded(this.#end);
  }

  #watchSignal(): void {
    const { signal } = this.options;
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener("abort", this.#onAbort);
  }

  #limitMs(): number {
    const { inactivityTimeoutMs, localTimeoutMs } = this.options;
    const silence = inactivityTimeoutMs ?? DEFAULT_INACTIVITY_TIMEOUT_MS;
    const { name } = this.#state;
    if (name === "WF_NDISC") return Math.min(DISCONNECT_MS, silence);
    const partner =
      name === "OPO" ? this.#speaker.waitsForSocket : waitsForPartner(name) && !this.#listener.busy;
    return partner ? silence : (localTimeoutMs ?? DEFAULT_LOCAL_TIMEOUT_MS);
  }
}
