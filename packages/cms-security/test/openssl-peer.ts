import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { peerPath, peers, runProgram, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import type { CipherSuite } from "../src/index.js";
import type { TestIdentity } from "./identities.js";

/** How OpenSSL writes: `-stream` gives indefinite lengths and strings in pieces, without it all lengths are definite. */
export type Encoding = "streamed" | "definite";

/** `openssl cms`, with the files of one identity. */
export class OpensslPeer {
  readonly #folder: TemporaryFolder;
  readonly #openssl = peerPath(peers.openssl);

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
  }

  static async start(identity: TestIdentity): Promise<OpensslPeer> {
    const peer = new OpensslPeer(await temporaryFolder("waybill-cms-"));
    await peer.use(identity);
    return peer;
  }

  /** Whose certificate and key the operations below take. */
  async use({ certificate, key }: TestIdentity): Promise<void> {
    await writeFile(this.path("certificate.pem"), certificate.pem);
    await writeFile(this.path("key.pem"), key.keyObject.export({ format: "pem", type: "pkcs8" }), {
      mode: 0o600,
    });
  }

  path(name: string): string {
    return join(this.#folder.path, name);
  }

  stop(): Promise<void> {
    return this.#folder.remove();
  }

  async sign(
    content: Uint8Array,
    hash: string,
    padding: string | undefined,
    encoding: Encoding,
    more: string[] = [],
  ) {
    const key = ["-signer", this.path("certificate.pem"), "-inkey", this.path("key.pem"), "-md", hash];
    // OpenSSL 3.0 fails to stream a signature with options.
    const how = padding === "pss" ? ["-keyopt", "rsa_padding_mode:pss"] : streamed(encoding, content);
    return await this.#cms(["-sign", "-nodetach", "-nocerts", ...key, ...how, ...more], content);
  }

  /** Adds a signature to a message that has one. */
  async resign(message: Uint8Array): Promise<Buffer> {
    const key = ["-signer", this.path("certificate.pem"), "-inkey", this.path("key.pem"), "-md", "sha256"];
    return await this.#cms(["-resign", "-inform", "DER", "-nodetach", "-nocerts", ...key], message);
  }

  /** `trusted`: PEM of further certificates. */
  async verify(message: Uint8Array, trusted: readonly string[] = []): Promise<Buffer> {
    const own = await readFile(this.path("certificate.pem"), "utf8");
    await writeFile(this.path("trusted.pem"), [own, ...trusted].join(""));
    const files = ["-certfile", this.path("trusted.pem"), "-CAfile", this.path("trusted.pem")];
    return await this.#cms(["-verify", "-inform", "DER", ...files], message);
  }

  async encrypt(
    content: Uint8Array,
    cipher: string,
    encoding: Encoding,
    keyOptions: string[] = [],
    more: string[] = [],
  ): Promise<Buffer> {
    const options = keyOptions.flatMap((option) => ["-keyopt", option]);
    const recipient = ["-recip", this.path("certificate.pem"), ...options];
    return await this.#cms(
      ["-encrypt", `-${cipher}`, ...streamed(encoding, content), ...recipient, ...more],
      content,
    );
  }

  async decrypt(message: Uint8Array): Promise<Buffer> {
    const key = ["-inkey", this.path("key.pem"), "-recip", this.path("certificate.pem")];
    return await this.#cms(["-decrypt", "-inform", "DER", ...key], message);
  }

  /** `openssl cms` with these arguments. */
  run(args: readonly string[], input: Uint8Array): Promise<Buffer> {
    return this.#cms(args, input);
  }

  /** Any other command; files are named with {@link path}. */
  async openssl(args: readonly string[]): Promise<void> {
    const { code, stderr } = await runProgram(this.#openssl, args);
    if (code !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
  }

  async #cms(args: readonly string[], input: Uint8Array): Promise<Buffer> {
    const files = ["-in", this.path("in"), "-out", this.path("out")];
    await writeFile(this.path("in"), input);
    await writeFile(this.path("out"), "");
    const { code, stderr } = await runProgram(this.#openssl, [
      "cms",
      ...args,
      "-binary",
      "-outform",
      "DER",
      ...files,
    ]);
    if (code !== 0) throw new Error(`openssl cms ${args[0]} failed: ${stderr}`);
    return await readFile(this.path("out"));
  }
}

/** OpenSSL 3.0 fails to stream a signature or AES-GCM over nothing at all. */
const streamed = (encoding: Encoding, content: Uint8Array): string[] =>
  encoding === "streamed" && content.length > 0 ? ["-stream"] : [];

/** OpenSSL's names for what a suite uses. */
export function opensslNames({ cipher, keyTransport }: CipherSuite): {
  cipher: string;
  keyOptions: string[];
} {
  const keyOptions =
    keyTransport.padding === "oaep"
      ? ["rsa_padding_mode:oaep", `rsa_oaep_md:${keyTransport.hash}`, `rsa_mgf1_md:${keyTransport.hash}`]
      : [];
  return { cipher: cipher === "des-ede3-cbc" ? "des3" : cipher, keyOptions };
}
