import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { jest } from "@jest/globals";
import {
  createSelfSignedCertificate,
  generateKeyPair,
  type KeyPairOptions,
  type SelfSignedCertificateOptions,
} from "@waybill/cert-store";
import { run } from "@waybill/cli";
import { type Identity, PASSWORD, storeFile } from "./cert-fixtures.js";

/** An identity in files: a PKCS#12 store with a password, the certificate, and the key in the clear. */
export interface FiledIdentity extends Identity {
  readonly subject: string;
  readonly store: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

export async function filedIdentity(
  folder: string,
  name: string,
  key: KeyPairOptions = { type: "rsa", bits: 2048 },
  options: Partial<SelfSignedCertificateOptions> = {},
): Promise<FiledIdentity> {
  const pair = await generateKeyPair(key);
  const certificate = await createSelfSignedCertificate({
    subject: `CN=${name},O=Waybill`,
    key: pair,
    ...options,
  });
  const certificateFile = join(folder, `${name}.cer`);
  await writeFile(certificateFile, certificate.pem);
  const keyFile = join(folder, `${name}.key`);
  await writeFile(keyFile, pair.keyObject.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  const store = await storeFile(
    folder,
    `${name}.p12`,
    "pkcs12",
    [{ certificate, privateKey: pair }],
    PASSWORD,
  );
  return { certificate, key: pair, subject: certificate.subject.text, store, certificateFile, keyFile };
}

/** What a command left behind that ran in this process: one of its own for each would take long. */
export interface RunHere {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `waybill cms` in this process, with the password of {@link filedIdentity}. */
export async function cmsHere(args: readonly string[]): Promise<RunHere> {
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    jest.spyOn(process[name], "write").mockImplementation((chunk) => {
      printed[name] += String(chunk);
      return true;
    });
  }
  const { WAYBILL_PASSWORD: before } = process.env;
  process.env.WAYBILL_PASSWORD = PASSWORD;
  try {
    return { code: await run(["cms", ...args]), ...printed };
  } finally {
    if (before === undefined) delete process.env.WAYBILL_PASSWORD;
    else process.env.WAYBILL_PASSWORD = before;
    jest.restoreAllMocks();
  }
}

/** Names of what the command writes before it is sure. */
export async function temporaryFilesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith(".tmp"));
}
