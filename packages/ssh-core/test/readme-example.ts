import { text } from "node:stream/consumers";
import { generatePrivateKey } from "@waybill/cert-store";
import { connectSsh, listenSsh } from "@waybill/ssh-core";

const hostKey = await generatePrivateKey("ed25519");
const server = await listenSsh({
  port: 0,
  hostKeys: [hostKey],
  authentication: { password: ({ user, password }) => user === "ann" && password === "secret" },
  exec: (command) => (channel) => {
    channel.write(`you said: ${command}`);
    channel.exit(0);
  },
});

const client = await connectSsh({
  host: server.host,
  port: server.port,
  user: "ann",
  password: "secret",
  hostKey: { fingerprints: [hostKey.publicKey.fingerprint()] },
});
const channel = await client.exec("hello");
export const answer = await text(channel);

await client.close();
await server.close();
