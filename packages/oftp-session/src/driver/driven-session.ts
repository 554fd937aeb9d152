import type { Duplex } from "node:stream";
import { errorMessage, type Logger, silentLogger } from "@waybill/net-core";
import { type Command, cutText, endReasonOf, endSessionReasons, type Ssid } from "@waybill/oftp-codec";
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
import { CommandChannel } from "./command-channel.js";
import { InactivityTimer } from "./inactivity-timer.js";
import { Listener } from "./listener.js";
import type { OftpSession } from "./session.js";
import { connectionLost, endedByEsid, type SessionEndError } from "./session-end.js";
import { SessionObservers } from "./session-observers.js";
import type { ResponderOptions, SessionEnd, SessionOptions } from "./session-options.js";
import { connectFields, SessionSetup } from "./session-setup.js";
import { SessionWire } from "./session-wire.js";
import { Speaker } from "./speaker.js";
import { disconnectMs, waitingLimitMs } from "./waiting-states.js";

/** Joins the protocol machine to a connection and to the User Monitor. */
export class DrivenSession implements OftpSession {
  readonly ended: Promise<SessionEnd>;
  readonly monitor: UserMonitor;
  readonly options: SessionOptions;
  readonly logger: Logger;
  readonly observers: SessionObservers;
  readonly wire: SessionWire;
  readonly commands: CommandChannel;
  readonly #timer: InactivityTimer;
  readonly #maximum: InactivityTimer | undefined;
  readonly #setup = new SessionSetup(this);
  readonly #speaker = new Speaker(this);
  readonly #listener = new Listener(this);
  #state: SessionState;
  /** Set once the session is open. */
  #negotiated: NegotiatedSession | undefined;
  /** Set as soon as the end is known. */
  #end: SessionEnd | undefined;
  #resolveEnded: (end: SessionEnd) => void = () => {};
  #disconnected = false;
  #localWork = 0;
  #applying = false;
  readonly #events: SessionEvent[] = [];
  readonly #onAbort = () => this.abort();

  constructor(socket: Duplex, options: SessionOptions) {
    this.options = options;
    this.monitor = options.monitor;
    this.logger = options.logger ?? silentLogger;
    this.observers = new SessionObservers(options, this.logger);
    this.#state = initialState(options.constants);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#timer = new InactivityTimer(
      () => waitingLimitMs(this.#state, this.#speaker.waitsForRoom, this.#listener.busy, this.options),
      () => this.guard(() => this.apply({ type: "TIME-OUT" })),
    );
    this.wire = new SessionWire(socket, disconnectMs(options), {
      buffer: (octets) => this.guard(() => this.#onBuffer(octets)),
      damaged: (error) => this.guard(() => this.#onInvalid(error)),
      written: () => this.#timer.touch(),
      room: () => this.guard(() => this.#speaker.room()),
      closed: (error) => this.guard(() => this.#onClosed(error)),
    });
    this.commands = new CommandChannel(this.wire, this.observers, this.#state.constants.level);
    const { maximumMs } = options;
    if (maximumMs !== undefined) {
      const text = `the session may take ${maximumMs} ms`;
      this.#maximum = new InactivityTimer(
        () => maximumMs,
        () => this.abort(endSessionReasons.timeOut.code, text),
      );
      this.#maximum.start();
    }
  }

  initiate(identity: SessionIdentity): void {
    this.#watchSignal();
    if (this.isOver) return;
    this.guard(() => {
      this.apply({ type: "F_CONNECT_RQ", ...connectFields(identity) });
      if (this.#state.name === "I_WF_NC") this.apply({ type: "N_CON_CF" });
    });
  }

  respond(refuse: ResponderOptions["refuse"]): void {
    this.guard(() => this.apply({ type: "N_CON_IND" }));
    if (this.#state.name === "IDLE") {
      this.release(endSessionReasons.modeIncompatible.code, "this station only calls others");
    }
    if (refuse !== undefined) this.release(refuse.reason, refuse.text);
    this.#watchSignal();
  }

  get partner(): Ssid | undefined {
    return this.#setup.partner;
  }

  get negotiated(): NegotiatedSession | undefined {
    return this.#negotiated;
  }

  /** What was agreed on, for those who work only in a session that is open. */
  get agreement(): NegotiatedSession {
    return this.#negotiated ?? sessionOf(this.#state.variables);
  }

  get state(): SessionState["name"] {
    return this.#state.name;
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** Why the session ended, for those who wait for something; undefined while it goes on. */
  get endError(): SessionEndError | undefined {
    if (this.#end === undefined) return undefined;
    return this.#end.error ?? endedByEsid(endSessionReasons.normal.code, "", "distant");
  }

  stop(): void {
    this.#speaker.stop();
  }

  abort(reason?: number, text?: string): void {
    this.release(reason === 0 ? endSessionReasons.emergencyCloseDown.code : reason, text);
  }

  /** Ends the session with ESID, by default 05; reason 0 is the speaker's normal end. `cause` stays here. */
  release(
    reason: number = endSessionReasons.emergencyCloseDown.code,
    text: string | undefined = "",
    cause?: unknown,
  ): void {
    if (this.isOver) return;
    const valid = Number.isInteger(reason) && reason >= 0 && reason <= 99;
    const told = valid ? reason : endSessionReasons.emergencyCloseDown.code;
    this.#settleEnd(told === 0 ? undefined : endedByEsid(told, text, "local", cause));
    // Before the session is set up there is nobody who could be told.
    if (this.#state.name === "IDLE" || this.wire.connecting) this.wire.destroy();
    else this.apply({ type: "F_RELEASE_RQ", reason: told, text: cutText(text) });
  }

  /** Ends the session because of this station's own failure, of which the partner learns no details. */
  fail(error: unknown): void {
    this.logger.error({ error }, "the session failed here");
    this.release(endSessionReasons.emergencyCloseDown.code, "the station has failed", error);
  }

  /** Runs what the partner waits for; the session has not ended before it is settled. */
  local(work: () => Promise<void>): void {
    this.#localWork += 1;
    work()
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        this.#localWork -= 1;
        this.#finishWhenDone();
      });
  }

  /** Whether the session waits for the partner or for this station has changed. */
  waitingChanged(): void {
    this.#timer.limitChanged();
  }

  /** Passes an event to the machine and does what it says. What comes meanwhile has to wait until that is done. */
  apply(event: SessionEvent): void {
    this.#events.push(event);
    if (this.#applying) return;
    this.#applying = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#step(next);
    } finally {
      this.#applying = false;
    }
  }

  /** The initiator's partner is the right one: files can be sent. */
  begin(): void {
    this.#announce();
    if (!this.isOver) this.#speaker.begin();
  }

  #step(event: SessionEvent): void {
    const { state, actions } = transition(this.#state, event);
    this.#state = state;
    for (const action of actions) this.#perform(action);
    if (this.#negotiated === undefined && isSessionOpen(state)) this.#onOpen(state);
  }

  #perform(action: Action): void {
    switch (action.type) {
      case "send":
        // DATA was encoded where it was made.
        if (action.command.kind !== "DATA") this.commands.send(action.command);
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
        this.#setup.admit(action.ssid);
        break;
      case "F_CONNECT_CF":
        this.#setup.admitAnswer(action.ssid);
        break;
      case "F_RELEASE_IND":
        this.#settleEnd(undefined);
        break;
      case "F_ABORT_IND":
        this.#onAborted(action);
        break;
      case "AUCH_NEEDED":
        this.#setup.makeChallenge();
        break;
      case "AURP_NEEDED":
        this.#setup.answerChallenge(action.challenge);
        break;
      case "USER_ERROR":
        throw new TypeError(`${action.event} in ${action.state}: ${action.text}`);
      case "F_CD_IND":
        this.#speaker.begin();
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

  #onOpen({ variables }: SessionState): void {
    this.#negotiated = sessionOf(variables);
    this.commands.agreeOn(variables.level);
    this.wire.maxBufferSize = variables.bufSize;
    // The initiator's monitor has not seen yet who answers.
    if (!variables.caller) this.#announce();
  }

  #announce(): void {
    const { partner, negotiated } = this;
    if (partner !== undefined && negotiated !== undefined) this.monitor.opened?.({ partner, negotiated });
  }

  // --- the wire ---

  #onBuffer(octets: Uint8Array): void {
    let command: Command;
    try {
      command = this.commands.received(octets);
    } catch (error) {
      this.#onInvalid(error);
      return;
    }
    if (command.kind === "SSID" && this.partner === undefined) this.#setup.partner = command;
    if (command.kind === "AURP") {
      this.apply({ type: "AURP", command, valid: this.#setup.isAnswer(command.response) });
    } else {
      this.apply(peerEvent(command));
    }
  }

  /** What came is no command, or no file content. */
  #onInvalid(error: unknown): void {
    this.apply({ type: "Invalid Buffer", reason: endReasonOf(error), text: cutText(errorMessage(error)) });
  }

  #onClosed(error: Error | undefined): void {
    this.#disconnected = true;
    const text = error === undefined ? "the partner has closed it" : error.message;
    this.#settleEnd(connectionLost(text, error));
    this.#timer.close();
    this.apply({ type: "N_DISC_IND", text });
    this.#finishWhenDone();
  }

  // --- the end ---

  #onAborted({ reason, text, origin }: Extract<Action, { type: "F_ABORT_IND" }>): void {
    this.#settleEnd(endedByEsid(reason, text, origin));
    // A session that never began has no N_DISC_RQ.
    if (this.#state.name === "IDLE") this.wire.disconnect();
  }

  #settleEnd(error: SessionEndError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#maximum?.close();
    this.options.signal?.removeEventListener("abort", this.#onAbort);
    this.#speaker.end();
    this.#listener.end();
  }

  #finishWhenDone(): void {
    if (this.#end !== undefined && this.#disconnected && this.#localWork === 0) this.#resolveEnded(this.#end);
  }

  #watchSignal(): void {
    const { signal } = this.options;
    if (signal === undefined || this.isOver) return;
    if (signal.aborted) this.abort();
    else signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** What begins outside, and would end the process if it threw. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }
}
