import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Peer,
  peerPath,
  peers,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";
import pkcs11js from "pkcs11js";

/** Where distributions put SoftHSM's module. */
const MODULES = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib64/pkcs11/libsofthsm2.so",
];

/** Jest gives tests a copy of the environment; the module reads the real one. */
const { env: realEnvironment } = Uint8Array.constructor("return process")() as NodeJS.Process;

/** Tokens of SoftHSM in a folder of their own, for this process and for programs. */
export class SoftTokens {
  readonly module: string;
  readonly #folder: TemporaryFolder;
  /** For programs that are to see the tokens. */
  readonly environment: NodeJS.ProcessEnv;

  static async make(): Promise<SoftTokens> {
    const folder = await temporaryFolder("waybill-token-");
    const conf = join(folder.path, "softhsm2.conf");
    const tokens = join(folder.path, "tokens");
    await mkdir(tokens);
    const lines = [`directories.tokendir = ${tokens}`, "objectstore.backend = file", "log.level = ERROR"];
    await writeFile(conf, `${lines.join("\n")}\n`);
    realEnvironment.SOFTHSM2_CONF = conf;
    return new SoftTokens(folder, conf);
  }

  private constructor(folder: TemporaryFolder, conf: string) {
    this.#folder = folder;
    this.environment = { ...process.env, SOFTHSM2_CONF: conf };
    const module = MODULES.find((path) => existsSync(path));
    if (module === undefined) throw new Error("SoftHSM's module is in none of the usual places");
    this.module = module;
  }

  get path(): string {
    return this.#folder.path;
  }

  /** A new token; its PIN and its administrator's. */
  async addToken(label: string, pin = "1234"): Promise<void> {
    await this.#run(peers.softhsmUtil, [
      "--init-token",
      "--free",
      "--label",
      label,
      "--pin",
      pin,
      "--so-pin",
      "987654",
    ]);
  }

  /** A key pair that is made in the token. */
  async addKey(token: string, keyType: string, id: string, label: string, more: readonly string[] = []) {
    const type = ["--keypairgen", "--key-type", keyType, "--id", id, "--label", label];
    await this.#tool(token, [...type, ...more]);
  }

  /** A certificate in DER. */
  async addCertificate(token: string, der: Uint8Array, id: string, label: string): Promise<void> {
    const file = join(this.path, "certificate.der");
    await writeFile(file, der);
    await this.#tool(token, ["--write-object", file, "--type", "cert", "--id", id, "--label", label]);
  }

  async deleteObject(token: string, type: string, id: string): Promise<void> {
    await this.#tool(token, ["--delete-object", "--type", type, "--id", id]);
  }

  /** Takes a permission (`CKA_SIGN` and so on) from a private key. While no store is open. */
  forbid(token: string, id: string, attribute: number): void {
    const module = new pkcs11js.PKCS11();
    module.load(this.module);
    module.C_Initialize();
    try {
      for (const slot of module.C_GetSlotList(true)) {
        if (module.C_GetTokenInfo(slot).label.trim() !== token) continue;
        const session = module.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
        module.C_Login(session, pkcs11js.CKU_USER, "1234");
        module.C_FindObjectsInit(session, [
          { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
          { type: pkcs11js.CKA_ID, value: Buffer.from(id, "hex") },
        ]);
        const key = module.C_FindObjects(session);
        module.C_FindObjectsFinal(session);
        if (key === null) throw new Error(`no private key with ID ${id}`);
        module.C_SetAttributeValue(session, key, [{ type: attribute, value: false }]);
      }
    } finally {
      module.C_Finalize();
    }
  }

  async remove(): Promise<void> {
    delete realEnvironment.SOFTHSM2_CONF;
    await this.#folder.remove();
  }

  async #tool(token: string, args: readonly string[]): Promise<void> {
    const login = ["--module", this.module, "--token-label", token, "--login", "--pin", "1234"];
    await this.#run(peers.pkcs11Tool, [...login, ...args]);
  }

  async #run(peer: Peer, args: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await runProgram(peerPath(peer), args, { env: this.environment });
    if (code !== 0) throw new Error(`${peer.program} ${args.join(" ")} failed: ${stdout}${stderr}`);
  }
}
