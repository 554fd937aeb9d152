import { createECDH } from "node:crypto";
import { beforeAll, expect, test } from "@jest/globals";
import { generatePrivateKey } from "@waybill/cert-store";
import { type ProgramResult, runProgram } from "@waybill/testing";

/*
 * Keys that are none, from a client before its login and from a server as its host key. Some of them can end a process
 * that looks at them wrongly, so that a program of its own, with the built package, plays both sides.
 */

const PROGRAM = `
import { createHash } from "node:crypto";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { parsePrivateKey } from "@waybill/cert-store";
import { connectSsh, listenSsh } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
import ssh2 from "ssh2";

const { hostKeyDer, blobs, forger } = JSON.parse(await text(process.stdin));
const print = (outcome) => console.log(JSON.stringify({ outcome }));
const hostKey = await parsePrivateKey(Buffer.from(hostKeyDer, "base64"));
let asked = 0;
const server = await listenSsh({
  port: 0,
  hostKeys: [hostKey],
  authentication: {
    password: () => true,
    publicKey: () => {
      asked += 1;
      return true;
    },
  },
});

// DER of the two numbers: with k = 1 any s that is the hash fits a public key at infinity.
const integer = (bytes) =>
  Buffer.concat([Buffer.from(bytes[0] < 0x80 ? [2, bytes.length] : [2, bytes.length + 1, 0]), bytes]);
function forge(data) {
  const body = Buffer.concat([
    integer(Buffer.from(forger, "base64")),
    integer(createHash("sha256").update(data).digest()),
  ]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

/** A key for the engine that says that it is another one. */
function disguised(blob) {
  const key = ssh2.utils.parseKey(hostKey.keyObject.export({ format: "pem", type: "sec1" }));
  key.getPublicSSH = () => blob;
  key.sign = forge;
  return key;
}

async function login(blob, isSigned) {
  const client = new ssh2.Client();
  const failed = once(server, "loginFailed");
  const ended = new Promise((resolve) => {
    client.on("ready", () => resolve("in"));
    client.on("error", () => {});
    client.on("close", () => resolve("out"));
  });
  let turn = 0;
  client.connect({
    host: server.host,
    port: server.port,
    username: "ann",
    authHandler: (left, partial, next) => {
      turn += 1;
      if (turn === 1) return { type: "none", username: "ann" };
      if (turn > 2) return next(false);
      const algorithm = blob.toString("latin1", 4, 4 + blob.readUInt32BE());
      client._protocol.authPK("ann", disguised(blob), algorithm, isSigned ? (data, sign) => sign(forge(data)) : undefined);
    },
  });
  const result = await Promise.race([ended, failed.then(([{ reason }]) => reason)]);
  client.destroy();
  return result;
}

for (const text of blobs) {
  const blob = Buffer.from(text, "base64");
  print({ offered: await login(blob, false), signed: await login(blob, true) });
}
const trusted = { host: server.host, port: server.port, user: "ann", hostKey: { keys: [hostKey.publicKey] } };
const client = await connectSsh({ ...trusted, password: "any" });
await client.close();
print({ asked });
await server.close();

// The host key check comes before the engine verifies with the key: it would find the forged signatures good.
for (const text of blobs) {
  const impostor = new ssh2.Server({ hostKeys: [{ key: disguised(Buffer.from(text, "base64")) }] }, (peer) => {
    peer.on("error", () => {});
  });
  impostor.listen(0, "127.0.0.1");
  await once(impostor, "listening");
  const { port } = impostor.address();
  const outcome = await connectSsh({ host: "127.0.0.1", port, user: "ann", password: "any", hostKey: { verify: () => true } }).then(
    () => "in",
    (error) => error.code,
  );
  print(outcome);
  impostor.close();
}
process.exit(0);
`;

const string = (bytes: Uint8Array | string) => {
  const contents = Buffer.from(bytes);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(contents.length);
  return Buffer.concat([length, contents]);
};
const ecdsa = (curve: string, point: Uint8Array) =>
  Buffer.concat([string(`ecdsa-sha2-${curve}`), string(curve), string(point)]);

const ecdh = createECDH("prime256v1");
ecdh.generateKeys();
const point = ecdh.getPublicKey();
const infinity = Buffer.from([0]);

const keys: [name: string, blob: Buffer][] = [
  ["P-256 at infinity", ecdsa("nistp256", infinity)],
  ["P-384 at infinity", ecdsa("nistp384", infinity)],
  ["P-521 at infinity", ecdsa("nistp521", infinity)],
  ["an empty point", ecdsa("nistp256", Buffer.alloc(0))],
  ["a point of zeros", ecdsa("nistp256", Buffer.alloc(65))],
  ["both coordinates zero", ecdsa("nistp256", Buffer.concat([Buffer.from([4]), Buffer.alloc(64)]))],
  ["a point beside the curve", ecdsa("nistp256", Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 7)]))],
  ["a compressed point", ecdsa("nistp256", ecdh.getPublicKey(null, "compressed"))],
  ["a hybrid point", ecdsa("nistp256", ecdh.getPublicKey(null, "hybrid"))],
  ["a point with a byte too many", ecdsa("nistp256", Buffer.concat([point, infinity]))],
  ["a point of another curve", ecdsa("nistp384", point)],
];

let ended: ProgramResult;

beforeAll(async () => {
  const generator = createECDH("prime256v1");
  generator.setPrivateKey(Buffer.concat([Buffer.alloc(31), Buffer.from([1])]));
  const hostKey = await generatePrivateKey("ecdsa-p256");
  const input = {
    hostKeyDer: hostKey.keyObject.export({ format: "der", type: "sec1" }).toString("base64"),
    blobs: keys.map(([, blob]) => blob.toString("base64")),
    forger: generator.getPublicKey().subarray(1, 33).toString("base64"),
  };
  ended = await runProgram(process.execPath, ["--input-type=module", "--eval", PROGRAM], {
    cwd: new URL("..", import.meta.url).pathname,
    input: JSON.stringify(input),
    timeoutMs: 25_000,
  });
});

/** What the program printed; a line that is missing is where it ended. */
function outcome(line: number): unknown {
  const text = ended.stdout.split("\n")[line] ?? "";
  return text === "" ? ended : JSON.parse(text).outcome;
}

test.each(keys.map(([name], index) => ({ name, index })))("a client with $name is refused", ({ index }) => {
  const refused = expect.stringMatching(/^unusable key: /);
  expect(outcome(index)).toEqual({ offered: refused, signed: refused });
});

test("the hook saw none of them, and the server goes on", () => {
  expect(outcome(keys.length)).toEqual({ asked: 0 });
});

test.each(keys.map(([name, blob], index) => ({ name, blob, index })))(
  "a server with $name is refused",
  ({ blob, index }) => {
    // One of another type than was agreed on does not come as far as being read.
    const isAgreed = blob.includes("nistp256");
    expect(outcome(keys.length + 1 + index)).toMatch(
      isAgreed ? /^ERR_KEY_(DAMAGED|UNSUPPORTED)$/ : /^ERR_SSH_HANDSHAKE_FAILED$/,
    );
  },
);

test("the program reaches its end", () => {
  expect(ended).toMatchObject({ code: 0, signal: null });
});
