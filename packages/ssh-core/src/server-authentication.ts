import type { PublicKey } from "@waybill/cert-store";
import type { SocketAddress } from "./session.js";

/** The authentication methods of RFC 4252 and RFC 4256 that a server here can offer. */
export type AuthenticationMethod = "password" | "publickey" | "keyboard-interactive";

/**
 * What a hook says to an attempt: accepted, refused, or accepted as one step of several (RFC 4252 section 5.1, "partial
 * success"), with the methods that may follow.
 */
export type AuthenticationDecision = boolean | { readonly next: readonly AuthenticationMethod[] };

/** What every authentication hook is told. */
export interface AuthenticationAttempt {
  readonly user: string;
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  /** What the client called itself, without `SSH-2.0-`. */
  readonly clientSoftware: string;
  /** The steps of this login that have succeeded so far, in order. */
  readonly completed: readonly AuthenticationMethod[];
  /** Aborted when the client goes away or the login takes too long. */
  readonly signal: AbortSignal;
}

export interface PasswordAttempt extends AuthenticationAttempt {
  readonly password: string;
}

export interface PublicKeyAttempt extends AuthenticationAttempt {
  readonly key: PublicKey;
}

/** One question of a keyboard-interactive exchange (RFC 4256 section 3.2). */
export interface Prompt {
  readonly prompt: string;
  /** Whether what is typed may be shown. */
  readonly echo: boolean;
}

export interface KeyboardInteractiveAttempt extends AuthenticationAttempt {
  /**
   * Asks the client one or more questions and resolves with as many answers. May be called several times.
   * Errors: `ERR_SSH_AUTHENTICATION_ABORTED` when the client gives up or answers with another number of answers.
   */
  prompt(
    prompts: readonly Prompt[],
    text?: { readonly title?: string | undefined; readonly instructions?: string | undefined },
  ): Promise<readonly string[]>;
}

/** A hook may answer at once or later. One that throws refuses. */
export type AuthenticationHook<A> = (attempt: A) => AuthenticationDecision | Promise<AuthenticationDecision>;

/** How users prove who they are. A method without a hook is not offered; without any, nobody gets in. */
export interface AuthenticationHooks {
  readonly password?: AuthenticationHook<PasswordAttempt> | undefined;
  /**
   * Asked once for a key, before the client signs; possession of the private key is verified before the decision takes
   * effect.
   */
  readonly publicKey?: AuthenticationHook<PublicKeyAttempt> | undefined;
  readonly keyboardInteractive?: AuthenticationHook<KeyboardInteractiveAttempt> | undefined;
}

export function offeredMethods(hooks: AuthenticationHooks): AuthenticationMethod[] {
  const methods: AuthenticationMethod[] = [];
  if (hooks.publicKey !== undefined) methods.push("publickey");
  if (hooks.password !== undefined) methods.push("password");
  if (hooks.keyboardInteractive !== undefined) methods.push("keyboard-interactive");
  return methods;
}
