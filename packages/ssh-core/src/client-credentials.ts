import type { PrivateKey } from "@waybill/cert-store";
import type { Prompt } from "./server-authentication.js";

/** What a keyboard-interactive callback is asked (RFC 4256 section 3.2). All text is the server's. */
export interface KeyboardInteractiveRequest {
  readonly title: string;
  readonly instructions: string;
  readonly prompts: readonly Prompt[];
}

/**
 * How a client proves who it is. Everything given is tried, in the order of the fields here, as far as the server offers
 * it; after a partial success (several factors) the rest goes on.
 */
export interface ClientCredentials {
  /** Keys from files, or anything that signs. */
  readonly privateKeys?: readonly PrivateKey[] | undefined;
  /** The socket of an SSH agent; `SSH_AUTH_SOCK` holds the usual one's. */
  readonly agent?: string | undefined;
  /**
   * The password, or a function that is asked for it only when it is needed. It also answers a keyboard-interactive login
   * that asks one hidden question, when there is no `keyboardInteractive`.
   */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /** Answers the server's questions, as many as there are prompts. */
  readonly keyboardInteractive?:
    | ((request: KeyboardInteractiveRequest) => readonly string[] | Promise<readonly string[]>)
    | undefined;
}
