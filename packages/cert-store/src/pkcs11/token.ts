import { TransferError } from "@waybill/net-core";
import type { Handle, TokenInfo } from "pkcs11js";
import { isSessionLoss, pkcs11Error, returnValueOf } from "./cryptoki-errors.js";
import type { HeldModule } from "./cryptoki-module.js";
import {
  CKF_LOGIN_REQUIRED,
  CKF_SERIAL_SESSION,
  CKF_USER_PIN_LOCKED,
  CKR,
  CKU_CONTEXT_SPECIFIC,
  CKU_USER,
} from "./cryptoki-names.js";
import { TokenSession } from "./token-session.js";

const ALL_FLAGS = 0x7fffffff;

/** How a token is opened. */
export interface TokenOptions {
  readonly held: HeldModule;
  readonly slot: Handle;
  readonly info: TokenInfo;
  readonly name: string;
  readonly pin: (() => Promise<string>) | undefined;
  readonly maxSessions: number;
}

/**
 * One token: the login and its sessions. A session does one thing at a time, so those that work are lent out, at most
 * `maxSessions` of them; one more is kept for itself, since the login ends with the last session.
 */
export class Token {
  /** For people. */
  readonly name: string;
  readonly #options: TokenOptions;
  readonly #slotKey: string;
  readonly #mechanisms: ReadonlySet<number>;
  readonly #mechanismFlags = new Map<number, number>();
  #anchor: TokenSession;
  /** Goes up when all sessions were lost and made anew: handles of objects that are older mean nothing any more. */
  generation = 0;
  readonly #idle: TokenSession[] = [];
  readonly #waiting: (() => void)[] = [];
  #busy = 0;
  #recovery: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #drained: (() => void) | undefined;
  #loggedIn = false;
  /** After this nothing is tried any more: each try with a wrong PIN is one of three. */
  #broken: TransferError | undefined;

  /** Opens a session and logs in, if there is a PIN. Errors: `ERR_PKCS11_…`. The module stays the caller's on failure. */
  static async open(options: TokenOptions): Promise<Token> {
    const token = new Token(options);
    try {
      await token.#login();
    } catch (error) {
      token.#anchor.close();
      throw error;
    }
    return token;
  }

  private constructor(options: TokenOptions) {
    this.#options = options;
    this.#slotKey = options.slot.toString("hex");
    this.name = options.name;
    this.#mechanisms = this.#listMechanisms();
    this.#anchor = this.#openSession();
  }

  get loggedIn(): boolean {
    return this.#loggedIn;
  }

  /** Whether there may be more to see for who logs in. */
  get wantsLogin(): boolean {
    return !this.#loggedIn && (this.#options.info.flags & CKF_LOGIN_REQUIRED) !== 0;
  }

  /** What the token can do with a mechanism: `CKF_…` flags, zero when it does not have it. */
  mechanismFlags(mechanism: number): number {
    if (!this.#mechanisms.has(mechanism)) return 0;
    const known = this.#mechanismFlags.get(mechanism);
    if (known !== undefined) return known;
    let flags = ALL_FLAGS;
    try {
      flags = this.#options.held.module.functions.C_GetMechanismInfo(this.#options.slot, mechanism).flags;
    } catch {
      // It says that it has it and not what for: trying will show.
    }
    this.#mechanismFlags.set(mechanism, flags);
    return flags;
  }

  /**
   * Lends a session. When `work` fails the session is not used again: what it had begun may still be open in it. When
   * all sessions turn out to be lost, they are made anew and `work` is done once more.
   *
   * Errors: those of `work`, and `ERR_PKCS11_…`.
   */
  async withSession<T>(doing: string, work: (session: TokenSession) => Promise<T>): Promise<T> {
    await this.#turn();
    try {
      const { generation } = this;
      try {
        return await this.#lend(work);
      } catch (error) {
        if (!isSessionLoss(error)) throw error;
        await this.#recover(generation);
        return await this.#lend(work);
      }
    } catch (error) {
      throw pkcs11Error(error, doing, this.name);
    } finally {
      const next = this.#waiting.shift();
      // Who waits longest takes the turn over.
      if (next !== undefined) next();
      else {
        this.#busy -= 1;
        if (this.#busy === 0) this.#drained?.();
      }
    }
  }

  /** For keys that want the PIN for every use: asks for it before the use begins. */
  async contextPin(): Promise<string> {
    return await this.#pin();
  }

  /** Logs in for the one operation that was begun (`CKA_ALWAYS_AUTHENTICATE`). */
  contextLogin(session: TokenSession, pin: string): void {
    try {
      this.#options.held.module.functions.C_Login(session.handle, CKU_CONTEXT_SPECIFIC, pin);
    } catch (error) {
      throw this.#pinFailure(error);
    }
  }

  /** Waits for what is under way, ends the sessions and the login. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const closed = new TransferError("ERR_PKCS11_CLOSED", `${this.name}: the store was closed`);
    this.#broken ??= closed;
    if (this.#busy > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    const { held } = this.#options;
    for (const session of this.#idle.splice(0)) session.close();
    if (this.#loggedIn && held.module.endLogin(this.#slotKey)) {
      try {
        held.module.functions.C_Logout(this.#anchor.handle);
      } catch {
        // The token is gone, and the login with it.
      }
    }
    this.#anchor.close();
    held.release();
  }

  async #turn(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#busy < this.#options.maxSessions) {
      this.#busy += 1;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async #lend<T>(work: (session: TokenSession) => Promise<T>): Promise<T> {
    await this.#recovery;
    if (this.#broken !== undefined) throw this.#broken;
    const session = this.#idle.pop() ?? this.#openSession();
    const { generation } = this;
    try {
      const result = await work(session);
      if (generation === this.generation) this.#idle.push(session);
      else session.close();
      return result;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** New sessions and a new login, once for all who find that theirs are lost. */
  async #recover(generation: number): Promise<void> {
    if (generation === this.generation) {
      this.generation += 1;
      const reopening = this.#reopen();
      // Those who come later only wait for it: if it failed, so will what they try.
      this.#recovery = reopening.catch(() => {});
      await reopening;
    }
    await this.#recovery;
  }

  async #reopen(): Promise<void> {
    for (const session of this.#idle.splice(0)) session.close();
    this.#anchor.close();
    this.#anchor = this.#openSession();
    if (this.#loggedIn) this.#callLogin(await this.#pin());
  }

  async #login(): Promise<void> {
    const { held, pin: provider, info } = this.#options;
    if (provider === undefined) return;
    if ((info.flags & CKF_USER_PIN_LOCKED) !== 0) {
      throw pkcs11Error(new Error(`CKR_PIN_LOCKED:${CKR.pinLocked}`), "logging in", this.name);
    }
    const pin = await this.#pin();
    if (!held.module.isPinOfLogin(this.#slotKey, pin)) {
      throw new TransferError(
        "ERR_PKCS11_PIN_WRONG",
        `${this.name}: the PIN is not the one that another store of this program has logged in with`,
        { details: { token: this.name } },
      );
    }
    this.#callLogin(pin);
    this.#loggedIn = true;
    held.module.noteLogin(this.#slotKey, pin);
  }

  #callLogin(pin: string): void {
    try {
      this.#options.held.module.functions.C_Login(this.#anchor.handle, CKU_USER, pin);
    } catch (error) {
      if (returnValueOf(error) !== CKR.userAlreadyLoggedIn) throw this.#pinFailure(error);
    }
  }

  #pinFailure(error: unknown): TransferError {
    const failure = pkcs11Error(error, "logging in", this.name);
    if (failure.code.startsWith("ERR_PKCS11_PIN_")) this.#broken = failure;
    return failure;
  }

  async #pin(): Promise<string> {
    const pin = await this.#options.pin?.();
    if (typeof pin !== "string" || pin === "") {
      throw new TransferError("ERR_PKCS11_PIN_REQUIRED", `${this.name}: it wants a PIN, and none was given`, {
        details: { token: this.name },
      });
    }
    return pin;
  }

  #listMechanisms(): ReadonlySet<number> {
    try {
      return new Set(this.#options.held.module.functions.C_GetMechanismList(this.#options.slot));
    } catch (error) {
      throw pkcs11Error(error, "asking what the token can do", this.name);
    }
  }

  #openSession(): TokenSession {
    const { held, slot } = this.#options;
    try {
      const handle = held.module.functions.C_OpenSession(slot, CKF_SERIAL_SESSION);
      return new TokenSession(held.module, handle);
    } catch (error) {
      throw pkcs11Error(error, "opening a session", this.name);
    }
  }
}
