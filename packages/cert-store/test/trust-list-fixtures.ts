import { webcrypto } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Certificate, parseCertificate } from "@waybill/cert-store";
import { peerPath, peers, runProgram } from "@waybill/testing";
import { Integer, Utf8String } from "asn1js";
import {
  AttributeTypeAndValue,
  BasicConstraints,
  CryptoEngine,
  Extension,
  Certificate as PkijsCertificate,
  type RelativeDistinguishedNames,
} from "pkijs";

const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", publicExponent: new Uint8Array([1, 0, 1]) };
const KEY_ALGORITHMS = {
  ec: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  rsa: { ...RSA, modulusLength: 2048 },
  smallRsa: { ...RSA, modulusLength: 1024 },
} as const;

/** A certificate with its key. */
export interface Identity {
  readonly name: string;
  readonly certificate: Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly keyPem: string;
}

const engine = new CryptoEngine({ name: "node", crypto: webcrypto as never });
let serial = 1;

/** Makes a certificate: self-signed without `issuer`. */
export async function issue(
  name: string,
  issuer?: Identity,
  options: { key?: keyof typeof KEY_ALGORITHMS; keys?: webcrypto.CryptoKeyPair; notAfter?: Date } = {},
): Promise<Identity> {
  const keys =
    options.keys ??
    ((await webcrypto.subtle.generateKey(KEY_ALGORITHMS[options.key ?? "ec"], true, [
      "sign",
      "verify",
    ])) as webcrypto.CryptoKeyPair);
  serial += 1;
  const made = new PkijsCertificate();
  made.version = 2;
  made.serialNumber = new Integer({ value: serial });
  setCommonName(made.subject, name);
  setCommonName(made.issuer, issuer?.name ?? name);
  made.notBefore.value = new Date("2020-01-01");
  made.notAfter.value = options.notAfter ?? new Date("2040-01-01");
  const constraints = new BasicConstraints({ cA: true }).toSchema().toBER(false);
  made.extensions = [new Extension({ extnID: "2.5.29.19", critical: true, extnValue: constraints })];
  await made.subjectPublicKeyInfo.importKey(keys.publicKey as never, engine);
  await made.sign((issuer?.keys ?? keys).privateKey as never, "SHA-256", engine);
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const lines = pkcs8.toString("base64").replace(/.{64}/g, "$&\n");
  return {
    name,
    certificate: parseCertificate(Buffer.from(made.toSchema(true).toBER(false))),
    keys,
    keyPem: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`,
  };
}

function setCommonName(names: RelativeDistinguishedNames, name: string): void {
  names.typesAndValues.push(
    new AttributeTypeAndValue({ type: "2.5.4.3", value: new Utf8String({ value: name }) }),
  );
}

const IN_ACCORD = "http://uri.etsi.org/TrstSvc/Svcstatus/inaccord";
const CA_PKC = "http://uri.etsi.org/TrstSvc/Svctype/CA/PKC";

export interface StatusFixture {
  readonly status?: string;
  readonly type?: string;
  readonly since?: string;
}

export interface ServiceFixture extends StatusFixture {
  readonly name?: string;
  readonly certificates?: readonly Certificate[];
  readonly base64?: readonly string[];
  readonly history?: readonly StatusFixture[];
}

export interface ListFixture {
  readonly version?: number;
  readonly sequence?: number;
  readonly issued?: string;
  /** `null` closes the scheme. */
  readonly nextUpdate?: string | null;
  readonly services?: readonly ServiceFixture[];
  readonly prefix?: string;
  readonly id?: string;
  /** Goes at the end of the document element, before the signature. */
  readonly extra?: string;
}

/** A list as Odette's is built. */
export function listXml(fixture: ListFixture, signature = ""): string {
  const p = fixture.prefix === undefined ? "" : `${fixture.prefix}:`;
  const namespace = fixture.prefix === undefined ? "xmlns" : `xmlns:${fixture.prefix}`;
  const el = (name: string, content: string) => `<${p}${name}>${content}</${p}${name}>`;
  const names = (name: string, text: string) =>
    el(
      name,
      `<${p}Name xml:lang="de">Deutsch ${text}</${p}Name>\n<${p}Name xml:lang="en">${text}</${p}Name>`,
    );
  const status = (entry: StatusFixture & { name?: string }, identity: string) =>
    el("ServiceTypeIdentifier", entry.type ?? CA_PKC) +
    names("ServiceName", entry.name ?? "A service") +
    el("ServiceDigitalIdentity", identity) +
    el("ServiceStatus", entry.status ?? IN_ACCORD) +
    el("StatusStartingTime", entry.since ?? "2021-01-01T00:00:00Z");
  const service = (entry: ServiceFixture) => {
    const encoded = [
      ...(entry.certificates ?? []).map((certificate) => certificate.der.toString("base64")),
      ...(entry.base64 ?? []),
    ];
    const identity = encoded.map((text) => el("DigitalId", el("X509Certificate", `\n${text}\n`))).join("");
    const history = (entry.history ?? []).map((old) => el("ServiceHistoryInstance", status(old, "")));
    return el(
      "TSPService",
      el("ServiceInformation", status(entry, identity)) + el("ServiceHistory", history.join("")),
    );
  };
  const next = fixture.nextUpdate === undefined ? "2030-01-01T00:00:00Z" : fixture.nextUpdate;
  const scheme =
    el("TSLVersionIdentifier", String(fixture.version ?? 3)) +
    el("TSLSequenceNumber", String(fixture.sequence ?? 7)) +
    el("TSLType", "http://uri.etsi.org/TrstSvc/TSLType/generic") +
    names("SchemeOperatorName", "Test Operator &amp; Sons") +
    names("SchemeName", "Test Scheme") +
    el("SchemeTerritory", "EU") +
    el("ListIssueDateTime", fixture.issued ?? "2025-01-01T00:00:00Z") +
    el("NextUpdate", next === null ? "" : el("dateTime", next));
  const providers = el(
    "TrustServiceProvider",
    el("TSPInformation", names("TSPName", "Test Provider")) +
      el("TSPServices", (fixture.services ?? []).map(service).join("\n")),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<${p}TrustServiceStatusList ${namespace}="http://uri.etsi.org/02231/v2#" TSLTag="http://uri.etsi.org/02231/TSLTag"${fixture.id === undefined ? "" : ` Id="${fixture.id}"`}>
<!-- a list -->${el("SchemeInformation", scheme)}
${el("TrustServiceProviderList", providers)}${fixture.extra ?? ""}${signature}</${p}TrustServiceStatusList>
`;
}

export interface SignatureFixture {
  readonly algorithm?: string;
  readonly digest?: string;
  readonly uri?: string;
  readonly canonicalization?: string;
  readonly prefix?: string;
  readonly keyInfo?: boolean;
  /** With signed properties of XAdES and a second reference to them. */
  readonly xades?: boolean;
}

export const RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256";
export const EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#";

function signatureTemplate(fixture: SignatureFixture): string {
  const p = fixture.prefix === undefined ? "" : `${fixture.prefix}:`;
  const namespace = fixture.prefix === undefined ? "xmlns" : `xmlns:${fixture.prefix}`;
  const canonicalization = fixture.canonicalization ?? EXCLUSIVE;
  const keyInfo = fixture.keyInfo === false ? "" : `<${p}KeyInfo><${p}X509Data/></${p}KeyInfo>`;
  const digestMethod = `<${p}DigestMethod Algorithm="${fixture.digest ?? SHA256}"/><${p}DigestValue/>`;
  const properties = `<${p}Object><x:QualifyingProperties xmlns:x="http://uri.etsi.org/01903/v1.3.2#"><x:SignedProperties Id="xp"><x:SigningTime>2025-01-01T00:00:00Z</x:SigningTime></x:SignedProperties></x:QualifyingProperties></${p}Object>`;
  const reference = `<${p}Reference URI="#xp" Type="http://uri.etsi.org/01903#SignedProperties"><${p}Transforms><${p}Transform Algorithm="${canonicalization}"/></${p}Transforms>${digestMethod}</${p}Reference>`;
  return `<${p}Signature ${namespace}="http://www.w3.org/2000/09/xmldsig#"><${p}SignedInfo><${p}CanonicalizationMethod Algorithm="${canonicalization}"/><${p}SignatureMethod Algorithm="${fixture.algorithm ?? RSA_SHA256}"/><${p}Reference URI="${fixture.uri ?? ""}"><${p}Transforms><${p}Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><${p}Transform Algorithm="${canonicalization}"/></${p}Transforms>${digestMethod}</${p}Reference>${fixture.xades ? reference : ""}</${p}SignedInfo><${p}SignatureValue/>${keyInfo}${fixture.xades ? properties : ""}</${p}Signature>`;
}

/** Signs a list with xmlsec1, in `folder`. */
export async function signedList(
  folder: string,
  signer: Identity,
  list: ListFixture,
  signature: SignatureFixture = {},
): Promise<string> {
  const template = join(folder, "template.xml");
  const key = join(folder, "signer.key");
  const certificate = join(folder, "signer.pem");
  await writeFile(template, listXml(list, signatureTemplate(signature)));
  await writeFile(key, signer.keyPem);
  await writeFile(certificate, signer.certificate.pem);
  const identifier = list.id === undefined ? [] : ["--id-attr:Id", "TrustServiceStatusList"];
  const result = await runProgram(peerPath(peers.xmlsec), [
    "--sign",
    ...identifier,
    ...(signature.xades ? ["--id-attr:Id", "SignedProperties"] : []),
    "--privkey-pem",
    `${key},${certificate}`,
    template,
  ]);
  if (result.code !== 0) throw new Error(`xmlsec1: ${result.stderr}`);
  return result.stdout;
}
