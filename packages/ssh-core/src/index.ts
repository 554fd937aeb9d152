export {
  type AlgorithmLists,
  type AlgorithmPolicy,
  LEGACY_ALGORITHMS,
  MODERN_ALGORITHMS,
} from "./algorithms.js";
export * from "./channel.js";
export { connectSsh, SshClient, type SshClientOptions } from "./client.js";
export type { ClientCredentials, KeyboardInteractiveRequest } from "./client-credentials.js";
export {
  defaultKnownHostsFile,
  type HostKeyCheck,
  type HostKeyPolicy,
  type HostKeyQuestion,
  prepareHostKeyCheck,
} from "./host-key-policy.js";
export type { LoginLimits } from "./login-limiter.js";
export {
  type ChannelHandler,
  type ExecHandler,
  listenSsh,
  SshServer,
  type SshServerEvents,
  type SshServerOptions,
} from "./server.js";
export type * from "./server-authentication.js";
export * from "./session.js";
