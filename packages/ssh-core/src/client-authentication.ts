import type { Logger } from "@waybill/net-core";
import type ssh2 from "ssh2";
import type { ClientCredentials, KeyboardInteractiveRequest } from "./client-credentials.js";
import { KeyAgent } from "./key-agent.js";
import type { Prompt } from "./server-authentication.js";

/** The engine's types know only the attempts; `false` gives up. */
type NextAttempt = (attempt: ssh2.AnyAuthMethod | false) => void;

interface Attempt {
  readonly method: string;
  start(): Promise<ssh2.AnyAuthMethod>;
}

/** Chooses the next attempt each time the server has refused one, or asks for more. */
export class ClientLogin {
  readonly #user: string;
  readonly #credentials: ClientCredentials;
  readonly #logger: Logger;
  readonly #untried: Attempt[];
  /** Whether `methodsLeft` is old news. The engine forgets what the server said to the keys of an agent. */
  #stale = true;
  /** What the server said could still be tried. */
  methodsLeft: readonly string[] = [];
  /** Why a credential could not be used: a callback that failed, a key that did not sign. */
  failure: unknown;

  constructor(user: string, credentials: ClientCredentials, allowSha1: boolean, logger: Logger) {
    this.#user = user;
    this.#credentials = credentials;
    this.#logger = logger;
    this.#untried = this.#attempts(allowSha1);
  }

  /** The engine's `authHandler`. */
  readonly next = (methodsLeft: string[] | null, _partial: boolean | null, next: NextAttempt): void => {
    if (this.#stale) {
      // RFC 4252 section 5.2: "none" makes the server say what it offers.
      this.#stale = false;
      next({ type: "none", username: this.#user });
      return;
    }
    this.methodsLeft = methodsLeft ?? [];
    const index = this.#untried.findIndex((attempt) => this.methodsLeft.includes(attempt.method));
    const [attempt] = index === -1 ? [] : this.#untried.splice(index, 1);
    if (attempt === undefined) {
      next(false);
      return;
    }
    this.#logger.debug({ user: this.#user, method: attempt.method }, "trying to log in");
    attempt.start().then(
      (started) => {
        this.#stale = started.type === "agent";
        next(started);
      },
      (error) => {
        this.failure = error;
        next(false);
      },
    );
  };

  #attempts(allowSha1: boolean): Attempt[] {
    const username = this.#user;
    const { privateKeys = [], agent, password, keyboardInteractive } = this.#credentials;
    const attempts: Attempt[] = [];
    if (privateKeys.length > 0) {
      const keys = new KeyAgent(privateKeys, allowSha1, (error) => {
        this.failure ??= error;
      });
      attempts.push({ method: "publickey", start: async () => ({ type: "agent", username, agent: keys }) });
    }
    if (agent !== undefined) {
      attempts.push({ method: "publickey", start: async () => ({ type: "agent", username, agent }) });
    }
    if (password !== undefined) {
      attempts.push({
        method: "password",
        start: async () => ({ type: "password", username, password: await this.#password() }),
      });
    }
    if (keyboardInteractive !== undefined || password !== undefined) {
      attempts.push({
        method: "keyboard-interactive",
        start: async () => ({
          type: "keyboard-interactive",
          username,
          prompt: (title, instructions, _language, prompts, finish) => {
            this.#answer({ title, instructions, prompts: prompts.map(normalPrompt) }).then(
              (answers) => finish([...answers]),
              (error) => {
                this.failure = error;
                finish([]);
              },
            );
          },
        }),
      });
    }
    return attempts;
  }

  async #password(): Promise<string> {
    const { password } = this.#credentials;
    return typeof password === "function" ? password() : (password ?? "");
  }

  async #answer(request: KeyboardInteractiveRequest): Promise<readonly string[]> {
    const { keyboardInteractive } = this.#credentials;
    if (keyboardInteractive !== undefined) return keyboardInteractive(request);
    const [only] = request.prompts;
    if (request.prompts.length === 1 && only !== undefined && !only.echo) return [await this.#password()];
    return [];
  }
}

function normalPrompt(prompt: ssh2.Prompt): Prompt {
  return { prompt: prompt.prompt, echo: prompt.echo ?? false };
}
