import { timingSafeEqual } from "node:crypto";
import { endSessionReasons, type Ssid } from "@waybill/oftp-codec";
import type { SessionEvent } from "../machine/index.js";
import type { SessionIdentity } from "../user-monitor.js";
import type { DrivenSession } from "./driven-session.js";
import type { SessionAuthenticator } from "./session-options.js";

type ConnectFields = Pick<
  Extract<SessionEvent, { type: "F_CONNECT_RQ" }>,
  "id" | "password" | "mode" | "restart" | "authentication" | "userData"
>;

/** What F_CONNECT_RQ and F_CONNECT_RS say of this station. */
export function connectFields(identity: SessionIdentity): ConnectFields {
  const { code, password, mode, restart, authentication, userData } = identity;
  return {
    id: code,
    password,
    mode,
    restart,
    authentication,
    ...(userData === undefined ? {} : { userData }),
  };
}

/** How a session is set up: who the partner is, and whether it is the one that it says (RFC 5024 section 4.2). */
export class SessionSetup {
  readonly #session: DrivenSession;
  #partner: Ssid | undefined;
  #challenge: Uint8Array | undefined;

  constructor(session: DrivenSession) {
    this.#session = session;
  }

  /** The partner's SSID without its password, as soon as it is known. */
  get partner(): Ssid | undefined {
    return this.#partner;
  }

  /** The partner's SSID has come, before anybody is asked about it. */
  set partner(ssid: Ssid) {
    this.#partner = { ...ssid, password: "" };
  }

  /** Responder: who calls. */
  admit(ssid: Ssid): void {
    const session = this.#session;
    session.local(async () => {
      const answer = await session.monitor.admit(ssid);
      if (session.isOver) return;
      if (!answer.accept) {
        session.release(answer.reason, answer.text);
        return;
      }
      const { limits } = answer.identity;
      session.apply({
        type: "F_CONNECT_RS",
        ...connectFields(answer.identity),
        ...(limits === undefined ? {} : { limits }),
      });
    });
  }

  /** Initiator: who answered. The session is open for the monitor when it takes the answer. */
  admitAnswer(ssid: Ssid): void {
    const session = this.#session;
    session.local(async () => {
      const answer = await session.monitor.admit(ssid);
      if (session.isOver) return;
      if (answer.accept) session.begin();
      else session.release(answer.reason, answer.text);
    });
  }

  makeChallenge(): void {
    this.#authenticate(async (partner, authenticator) => {
      const { challenge, envelope } = await authenticator.challenge(partner);
      this.#challenge = challenge;
      return { type: "AUCH_READY", challenge: envelope };
    });
  }

  answerChallenge(envelope: Uint8Array): void {
    this.#authenticate(async (partner, authenticator) => ({
      type: "AURP_READY",
      response: await authenticator.answer(partner, envelope),
    }));
  }

  /** Whether an AURP holds what the challenge held. */
  isAnswer(response: Uint8Array): boolean {
    const challenge = this.#challenge;
    return (
      challenge !== undefined && challenge.length === response.length && timingSafeEqual(challenge, response)
    );
  }

  #authenticate(step: (partner: Ssid, authenticator: SessionAuthenticator) => Promise<SessionEvent>): void {
    const session = this.#session;
    session.local(async () => {
      const partner = this.#partner;
      const { authenticator } = session.options;
      try {
        if (partner === undefined || authenticator === undefined) {
          throw new TypeError("the option authenticator is needed for secure authentication");
        }
        const event = await step(partner, authenticator);
        if (!session.isOver) session.apply(event);
      } catch (error) {
        if (session.isOver) return;
        session.logger.warn({ error }, "secure authentication is not possible");
        // The partner learns nothing of the keys that are here.
        const text = "secure authentication is not possible here";
        session.release(endSessionReasons.invalidChallengeResponse.code, text, error);
      }
    });
  }
}
