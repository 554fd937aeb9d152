import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { peers } from "@waybill/testing";
import { runPeer } from "./cert-pki.js";

const MODULES = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"];

/** Jest gives tests a copy of the environment; SoftHSM reads the real one. */
const { env: realEnvironment } = Uint8Array.constructor("return process")() as NodeJS.Process;

/** SoftHSM with tokens of its own in a folder. */
export interface SoftHsm {
  readonly module: string;
  readonly pin: string;
  /** For programs that are to see the tokens. */
  readonly env: NodeJS.ProcessEnv;
  addToken(label: string): Promise<void>;
  /** Runs pkcs11-tool, logged in. */
  tool(token: string, args: readonly string[]): Promise<string>;
  /** Imports a private key with softhsm2-util: PKCS#8 in PEM, in the clear. */
  importKey(token: string, file: string, id: string, label: string): Promise<void>;
  /** Ends its use in this process. */
  release(): void;
}

export async function startSoftHsm(folder: string): Promise<SoftHsm> {
  const tokens = join(folder, "tokens");
  const conf = join(folder, "softhsm2.conf");
  await mkdir(tokens);
  await writeFile(conf, `directories.tokendir = ${tokens}\nlog.level = ERROR\n`);
  realEnvironment.SOFTHSM2_CONF = conf;
  const module = MODULES.find((path) => existsSync(path)) ?? "libsofthsm2.so";
  const env = { ...process.env, SOFTHSM2_CONF: conf };
  const pin = "1234";
  return {
    module,
    pin,
    env,
    addToken: async (label) => {
      const pins = ["--pin", pin, "--so-pin", "987654"];
      await runPeer(peers.softhsmUtil, ["--init-token", "--free", "--label", label, ...pins], env);
    },
    tool: (token, args) => {
      const login = ["--module", module, "--token-label", token, "--login", "--pin", pin];
      return runPeer(peers.pkcs11Tool, [...login, ...args], env);
    },
    importKey: async (token, file, id, label) => {
      const what = ["--import", file, "--token", token, "--id", id, "--label", label, "--pin", pin];
      await runPeer(peers.softhsmUtil, what, env);
    },
    release: () => {
      delete realEnvironment.SOFTHSM2_CONF;
    },
  };
}
