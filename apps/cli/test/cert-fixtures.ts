import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Certificate,
  createSelfSignedCertificate,
  generateKeyPair,
  issueCertificate,
  type SoftwarePrivateKey,
  type StoreContent,
  type WrittenFormat,
  writePem,
  writePkcs12,
  writeStore,
} from "@waybill/cert-store";

export const PASSWORD = "größer als 7";

/** A certificate and its key. */
export interface Identity {
  readonly certificate: Certificate;
  readonly key: SoftwarePrivateKey;
}

/** A root, an authority below it, and a certificate of a host. */
export interface TestPki {
  readonly root: Identity;
  readonly middle: Identity;
  readonly host: Identity;
  /** Host, with its key and its chain. */
  readonly entry: StoreContent;
}

export const HOST_SUBJECT = "CN=oftp.example.com,serialNumber=O0013000001EXAMPLE,O=Müller\\, Söhne,C=DE";

export async function makePki(): Promise<TestPki> {
  const [rootKey, middleKey, hostKey] = await Promise.all([newKey(), newKey(), newKey()]);
  const root = {
    key: rootKey,
    certificate: await createSelfSignedCertificate({ key: rootKey, subject: "CN=Test Root", ca: {} }),
  };
  const middle = await issue("CN=Test Middle", root, { ca: { pathLength: 0 } }, middleKey);
  const host = await issue(
    HOST_SUBJECT,
    middle,
    {
      subjectAltNames: [
        { kind: "dns", value: "oftp.example.com" },
        { kind: "ip", value: "10.0.0.1" },
      ],
      keyUsage: ["digitalSignature", "keyAgreement"],
      extendedKeyUsage: ["serverAuth", "clientAuth"],
    },
    hostKey,
  );
  const chain = [middle.certificate, root.certificate];
  return {
    root,
    middle,
    host,
    entry: { alias: "Größe", certificate: host.certificate, chain, privateKey: host.key },
  };
}

export async function issue(
  subject: Parameters<typeof issueCertificate>[0]["subject"],
  issuer: Identity,
  options: Partial<Parameters<typeof issueCertificate>[0]> = {},
  key?: SoftwarePrivateKey,
): Promise<Identity> {
  const ownKey = key ?? (await newKey());
  const publicKeyDer = ownKey.publicKey.keyObject.export({ format: "der", type: "spki" });
  return { key: ownKey, certificate: await issueCertificate({ ...options, subject, issuer, publicKeyDer }) };
}

/** Writes a file of a store in `folder` and gives its path. Its passphrase is cheap to derive keys from. */
export async function storeFile(
  folder: string,
  name: string,
  format: WrittenFormat,
  entries: readonly StoreContent[],
  passphrase?: string,
): Promise<string> {
  const path = join(folder, name);
  const iterations = 1000;
  if (format === "pkcs12")
    await writeFile(path, await writePkcs12({ entries, passphrase: passphrase ?? "", iterations }));
  else if (format === "pem") await writeFile(path, await writePem({ entries, passphrase, iterations }));
  else await writeFile(path, await writeStore({ format, entries, passphrase }));
  return path;
}

const newKey = () => generateKeyPair({ type: "ec" });
