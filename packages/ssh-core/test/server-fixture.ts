import { generatePrivateKey, type SoftwarePrivateKey } from "@waybill/cert-store";
import {
  connectSsh,
  listenSsh,
  type SshClient,
  type SshClientOptions,
  type SshServer,
  type SshServerOptions,
} from "../src/index.js";

/** A host key for all tests of a file. */
export const hostKey: SoftwarePrivateKey = await generatePrivateKey("ed25519");

const open: { close(): Promise<unknown> }[] = [];

/** A server on a free port that lets `ann` in with the password `right`. Closed by {@link closeAll}. */
export async function serve(options: Partial<SshServerOptions> = {}): Promise<SshServer> {
  const server = await listenSsh({
    port: 0,
    hostKeys: [hostKey],
    authentication: { password: ({ user, password }) => user === "ann" && password === "right" },
    ...options,
  });
  open.push(server);
  return server;
}

/** A client of such a server that knows its host key. Closed by {@link closeAll}. */
export async function connect(
  server: SshServer,
  options: Partial<SshClientOptions> = {},
): Promise<SshClient> {
  const client = await connectSsh({
    host: server.host,
    port: server.port,
    user: "ann",
    password: "right",
    hostKey: { keys: [hostKey.publicKey] },
    ...options,
  });
  open.push(client);
  return client;
}

export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((each) => each.close()));
}
