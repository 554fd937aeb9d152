export type { AbortOrigin, Action, ActionType } from "./actions.js";
export type {
  AuthenticationEvent,
  EventOf,
  InternalEvent,
  NetworkEvent,
  PartnerLimits,
  PeerEvent,
  SessionEvent,
  SessionEventType,
  UserEvent,
} from "./events.js";
export {
  levelWithAuthentication,
  levelWithNerp,
  levelWithSecurity,
  type NegotiatedSession,
  type Negotiation,
  negotiate,
  negotiateMode,
  type SessionOffer,
} from "./negotiation.js";
export { sessionOf } from "./outputs.js";
export { peerEvent } from "./peer-event.js";
export {
  defaultConstants,
  initialState,
  isSessionOpen,
  type SessionConstants,
  type SessionState,
  type SessionStateName,
  type SessionVariables,
  sessionStateNames,
} from "./state.js";
export { type Transition, transition } from "./transition.js";
