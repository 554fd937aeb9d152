import { generateKeyPairSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Certificate, parseCertificate } from "@waybill/cert-store";
import { peerPath, peers, runProgram } from "@waybill/testing";

/** An authority or an end entity: files of the same name in the PKI's folder hold its certificate and its key. */
export interface Entity {
  readonly name: string;
  readonly certificate: Certificate;
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface IssueOptions {
  /** Undefined: self-signed. */
  readonly issuer?: Entity | undefined;
  readonly subject?: string;
  readonly days?: number;
  /** Lines of OpenSSL's configuration; key identifiers are added. */
  readonly extensions?: readonly string[];
  readonly digest?: string;
  readonly rsaBits?: number;
  /** The key of another entity. */
  readonly keyOf?: Entity | undefined;
  /** More sections of the configuration. */
  readonly sections?: readonly string[];
}

export interface CrlOptions {
  readonly issuer: Entity;
  readonly revoked?: readonly (readonly [Entity, string])[];
  readonly hours?: number;
  readonly extensions?: readonly string[];
  readonly sections?: readonly string[];
  /** From when on it is, and until when. */
  readonly times?: readonly [Date, Date];
  readonly digest?: string;
}

export interface OcspOptions {
  readonly issuer: Entity;
  readonly signer: Entity;
  readonly known: readonly Entity[];
  readonly revoked?: readonly (readonly [Entity, string])[];
  readonly minutes?: number;
}

export const AUTHORITY = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];

/** A test PKI that OpenSSL makes: certificates, CRLs and OCSP responses. */
export class TestPki {
  readonly #folder: string;
  #serial = 0x1000;
  #files = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async issue(name: string, options: IssueOptions = {}): Promise<Entity> {
    const serial = this.#serial++;
    const certificateFile = join(this.#folder, `${name}.pem`);
    const keyFile = options.keyOf?.keyFile ?? join(this.#folder, `${name}.key`);
    if (options.keyOf === undefined) await writeFile(keyFile, newKey(options.rsaBits));
    const config = await this.#file([
      "[req]",
      "distinguished_name=dn",
      "[dn]",
      "[ext]",
      "subjectKeyIdentifier=hash",
      ...(options.issuer === undefined ? [] : ["authorityKeyIdentifier=keyid:always"]),
      ...(options.extensions ?? []),
      ...(options.sections ?? []),
    ]);
    const ca =
      options.issuer === undefined
        ? []
        : ["-CA", options.issuer.certificateFile, "-CAkey", options.issuer.keyFile];
    await openssl([
      "req",
      "-new",
      "-x509",
      ...["-config", config, "-extensions", "ext", "-key", keyFile, "-out", certificateFile],
      ...["-subj", options.subject ?? `/O=Waybill Test/CN=${name}`, "-days", String(options.days ?? 3650)],
      ...["-set_serial", String(serial), `-${options.digest ?? "sha256"}`, ...ca],
    ]);
    const certificate = parseCertificate(await readFile(certificateFile));
    return { name, certificate, certificateFile, keyFile };
  }

  async authority(name: string, issuer: Entity | undefined, options: IssueOptions = {}): Promise<Entity> {
    return this.issue(name, { ...options, issuer, extensions: options.extensions ?? AUTHORITY });
  }

  async crl(options: CrlOptions): Promise<Buffer> {
    const index = await this.#index(options.revoked ?? [], []);
    const config = await this.#file([
      "[ca]",
      "default_ca=ca_default",
      "[ca_default]",
      `database=${index}`,
      "default_md=sha256",
      "[crl_ext]",
      "authorityKeyIdentifier=keyid:always",
      ...(options.extensions ?? []),
      ...(options.sections ?? []),
    ]);
    const out = join(this.#folder, `crl${this.#files++}.pem`);
    const { issuer } = options;
    await openssl([
      ...["ca", "-gencrl", "-config", config, "-crlexts", "crl_ext", "-md", options.digest ?? "sha256"],
      ...["-cert", issuer.certificateFile, "-keyfile", issuer.keyFile, "-out", out],
      ...(options.times === undefined
        ? ["-crlhours", String(options.hours ?? 24)]
        : [
            "-crl_lastupdate",
            opensslTime(options.times[0]),
            "-crl_nextupdate",
            opensslTime(options.times[1]),
          ]),
    ]);
    return readFile(out);
  }

  async ocsp(request: Uint8Array, options: OcspOptions): Promise<Buffer> {
    const index = await this.#index(options.revoked ?? [], options.known);
    const requestFile = join(this.#folder, `request${this.#files++}.der`);
    const responseFile = `${requestFile}.response`;
    await writeFile(requestFile, request);
    await openssl([
      ...[
        "ocsp",
        "-index",
        index,
        "-CA",
        options.issuer.certificateFile,
        "-nmin",
        String(options.minutes ?? 60),
      ],
      ...["-rsigner", options.signer.certificateFile, "-rkey", options.signer.keyFile],
      ...["-reqin", requestFile, "-respout", responseFile],
    ]);
    return readFile(responseFile);
  }

  /** The database of `openssl ca`. */
  async #index(revoked: readonly (readonly [Entity, string])[], known: readonly Entity[]): Promise<string> {
    const line = ({ certificate }: Entity, status: string) =>
      [
        status[0],
        opensslTime(certificate.notAfter),
        status.slice(1),
        certificate.serialNumber,
        "unknown",
        "/CN=x",
      ].join("\t");
    const yesterday = opensslTime(new Date(Date.now() - 86_400_000));
    return this.#file([
      ...revoked.map(([entity, reason]) => line(entity, `R${yesterday}${reason === "" ? "" : `,${reason}`}`)),
      ...known.map((entity) => line(entity, "V")),
    ]);
  }

  async #file(lines: readonly string[]): Promise<string> {
    const path = join(this.#folder, `file${this.#files++}.txt`);
    await writeFile(path, lines.map((line) => `${line}\n`).join(""));
    return path;
  }
}

function newKey(rsaBits: number | undefined): string {
  const { privateKey } =
    rsaBits === undefined
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("rsa", { modulusLength: rsaBits });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function opensslTime(date: Date): string {
  return `${date.toISOString().slice(2, 19).replace(/[-:T]/g, "")}Z`;
}

async function openssl(args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(peerPath(peers.openssl), args, { timeoutMs: 20_000 });
  if (code !== 0) throw new Error(`openssl ${args.join(" ")}\n${stderr}`);
}
