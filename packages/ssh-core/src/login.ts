import { type PublicKey, publicKeyFromBlob } from "@waybill/cert-store";
import { isTransferError, type Logger, TransferError } from "@waybill/net-core";
import type {
  AuthContext,
  Prompt as EnginePrompt,
  KeyboardAuthContext,
  PasswordAuthContext,
  PublicKeyAuthContext,
} from "ssh2";
import { verifyEngineSignature } from "./engine.js";
import type { LoginLimiter } from "./login-limiter.js";
import {
  type AuthenticationAttempt,
  type AuthenticationDecision,
  type AuthenticationHooks,
  type AuthenticationMethod,
  offeredMethods,
  type Prompt,
} from "./server-authentication.js";

// A client may offer the keys of a whole agent; refused offers do not count as failed logins, but they end somewhere.
const MAX_KEY_OFFERS = 64;
/** RSA keys below this are refused, as by OpenSSH's stricter settings; NIST SP 800-131A retires them. */
const MIN_RSA_BITS = 2048;

export interface LoginOptions {
  readonly hooks: AuthenticationHooks;
  readonly limiter: LoginLimiter;
  readonly maxAttempts: number;
  /** Whether RSA signatures with SHA-1 are accepted (`ssh-rsa` among the host key algorithms). */
  readonly allowSha1: boolean;
  readonly facts: Omit<AuthenticationAttempt, "user" | "completed">;
  readonly logger: Logger;
  onFailed(failure: { user: string; method: AuthenticationMethod; reason: string }): void;
  onSucceeded(login: { user: string; methods: readonly AuthenticationMethod[] }): void;
  /** Too many attempts: the connection must end. */
  onExhausted(): void;
}

/** The user authentication of one connection (RFC 4252), up to its success. */
export class Login {
  readonly #options: LoginOptions;
  readonly #completed: AuthenticationMethod[] = [];
  /** What may be tried now; narrowed by a partial success. */
  #methods: readonly AuthenticationMethod[];
  /** A client may start another request while one is being decided; only the latest counts (RFC 4252 section 5.1). */
  #current: AuthContext | undefined;
  #attempts = 0;
  #keyOffers = 0;
  /** The hook's answer to a key that was offered without a signature, for the signed request that follows. */
  #offered: { user: string; key: PublicKey; decision: AuthenticationDecision } | undefined;

  constructor(options: LoginOptions) {
    this.#options = options;
    this.#methods = offeredMethods(options.hooks);
  }

  /** Answers one authentication request. Never throws. */
  async attempt(context: AuthContext): Promise<void> {
    this.#current = context;
    try {
      await this.#attempt(context);
    } catch (error) {
      if (isTransferError(error, "ERR_SSH_AUTHENTICATION_ABORTED")) {
        this.#refuse(context, "the client gave up");
        return;
      }
      this.#options.logger.warn(
        { error, user: context.username, method: context.method },
        "login hook failed",
      );
      this.#refuse(context, "the hook failed");
    }
  }

  async #attempt(context: AuthContext): Promise<void> {
    const { limiter, facts } = this.#options;
    const user = context.username;
    if (context.method === "none") {
      context.reject([...this.#methods]);
      return;
    }
    if (!isMethod(context.method) || !this.#methods.includes(context.method)) {
      this.#refuse(context, "method not offered");
      return;
    }
    if (!limiter.allows(facts.remote.address, user)) {
      this.#refuse(context, "too many failed logins");
      return;
    }
    switch (context.method) {
      case "password":
        return this.#password(context as PasswordAuthContext);
      case "publickey":
        return this.#publicKey(context as PublicKeyAuthContext);
      case "keyboard-interactive":
        return this.#keyboardInteractive(context as KeyboardAuthContext);
    }
  }

  async #password(context: PasswordAuthContext): Promise<void> {
    const decision = await this.#options.hooks.password?.({
      ...this.#facts(context),
      password: context.password,
    });
    this.#decide(context, decision ?? false, "wrong password");
  }

  async #publicKey(context: PublicKeyAuthContext): Promise<void> {
    const { key, refusal } = this.#readKey(context);
    if (key === undefined) {
      this.#refuse(context, refusal);
      return;
    }
    const decision = await this.#decisionForKey(context, key);
    if (context.signature === undefined || context.blob === undefined) {
      // RFC 4252 section 7: an offer. The decision takes effect once the client has signed.
      if (decision !== false) {
        this.#offered = { user: context.username, key, decision };
        context.accept();
      } else if (++this.#keyOffers >= MAX_KEY_OFFERS) {
        this.#options.onExhausted();
      } else {
        context.reject([...this.#methods]);
      }
      return;
    }
    const signed = verifyEngineSignature(context.key.data, context.blob, context.signature, context.hashAlgo);
    this.#decide(context, signed && decision, signed ? "key not authorized" : "wrong signature");
  }

  async #decisionForKey(context: PublicKeyAuthContext, key: PublicKey): Promise<AuthenticationDecision> {
    const offered = this.#offered;
    this.#offered = undefined;
    if (offered !== undefined && offered.user === context.username && offered.key.equals(key))
      return offered.decision;
    return (await this.#options.hooks.publicKey?.({ ...this.#facts(context), key })) ?? false;
  }

  #readKey(context: PublicKeyAuthContext): { key?: PublicKey; refusal: string } {
    let key: PublicKey;
    try {
      key = publicKeyFromBlob(context.key.data);
    } catch (error) {
      if (!isTransferError(error)) throw error;
      return { refusal: `unusable key: ${error.message}` };
    }
    if (key.type !== context.key.algo) return { refusal: "key and algorithm differ" };
    if (key.type === "ssh-rsa") {
      if (context.hashAlgo === undefined && !this.#options.allowSha1)
        return { refusal: "RSA signature with SHA-1" };
      if (key.bits < MIN_RSA_BITS) return { refusal: `RSA key of ${key.bits} bits` };
    }
    return { key, refusal: "" };
  }

  async #keyboardInteractive(context: KeyboardAuthContext): Promise<void> {
    const decision = await this.#options.hooks.keyboardInteractive?.({
      ...this.#facts(context),
      prompt: (prompts, text = {}) => this.#prompt(context, prompts, text),
    });
    this.#decide(context, decision ?? false, "wrong answers");
  }

  #prompt(
    context: KeyboardAuthContext,
    prompts: readonly Prompt[],
    text: { readonly title?: string | undefined; readonly instructions?: string | undefined },
  ): Promise<readonly string[]> {
    const { signal } = this.#options.facts;
    return new Promise((resolve, reject) => {
      const give = (answers?: readonly string[]) => {
        signal.removeEventListener("abort", onAbort);
        if (Array.isArray(answers) && answers.length === prompts.length) resolve(answers);
        else
          reject(
            new TransferError("ERR_SSH_AUTHENTICATION_ABORTED", "the client did not answer the prompts"),
          );
      };
      const onAbort = () => give();
      if (signal.aborted) return give();
      signal.addEventListener("abort", onAbort);
      const asked: EnginePrompt[] = prompts.map(({ prompt, echo }) => ({ prompt, echo }));
      context.prompt(asked, text.title ?? "", text.instructions ?? "", (answers) => give(answers));
    });
  }

  #facts(context: AuthContext): AuthenticationAttempt {
    return { ...this.#options.facts, user: context.username, completed: [...this.#completed] };
  }

  #decide(context: AuthContext, decision: AuthenticationDecision, failure: string): void {
    const { facts, limiter } = this.#options;
    if (facts.signal.aborted || this.#current !== context) return;
    const method = context.method as AuthenticationMethod;
    if (decision === false) {
      limiter.failed(facts.remote.address, context.username);
      this.#refuse(context, failure);
      return;
    }
    this.#completed.push(method);
    if (decision === true) {
      limiter.succeeded(facts.remote.address);
      this.#options.onSucceeded({ user: context.username, methods: this.#completed });
      context.accept();
      return;
    }
    const offered = offeredMethods(this.#options.hooks);
    this.#methods = decision.next.filter((next) => offered.includes(next));
    context.reject([...this.#methods], true);
  }

  #refuse(context: AuthContext, reason: string): void {
    const { facts, maxAttempts } = this.#options;
    if (facts.signal.aborted || this.#current !== context) return;
    if (isMethod(context.method))
      this.#options.onFailed({ user: context.username, method: context.method, reason });
    this.#attempts++;
    if (this.#attempts >= maxAttempts) this.#options.onExhausted();
    else context.reject([...this.#methods]);
  }
}

function isMethod(method: string): method is AuthenticationMethod {
  return method === "password" || method === "publickey" || method === "keyboard-interactive";
}
