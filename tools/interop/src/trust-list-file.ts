import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Certificate } from "@waybill/cert-store";
import { peers } from "@waybill/testing";
import { type Identity, runPeer } from "./cert-pki.js";

/** What differs between the lists of a test. */
export interface TrustListFile {
  readonly sequence: number;
  /** Each entry: an authority, and what is above it. */
  readonly services: readonly (readonly Certificate[])[];
  readonly nextUpdate?: string;
}

const SHA256_RSA = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256";
const C14N = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/** A trust service status list as Odette's is built, signed by xmlsec1. `signer` has an RSA key. */
export async function trustListFile(folder: string, signer: Identity, list: TrustListFile): Promise<string> {
  const name = (tag: string, text: string) => `<${tag}><Name xml:lang="en">${text}</Name></${tag}>`;
  const services = list.services.map((certificates, index) => {
    const identity = certificates
      .map(({ der }) => `<DigitalId><X509Certificate>${der.toString("base64")}</X509Certificate></DigitalId>`)
      .join("");
    return `<TSPService><ServiceInformation>
<ServiceTypeIdentifier>http://uri.etsi.org/TrstSvc/Svctype/CA/PKC</ServiceTypeIdentifier>
${name("ServiceName", `Service ${index + 1}`)}<ServiceDigitalIdentity>${identity}</ServiceDigitalIdentity>
<ServiceStatus>http://uri.etsi.org/TrstSvc/Svcstatus/inaccord</ServiceStatus>
<StatusStartingTime>2020-01-01T00:00:00Z</StatusStartingTime></ServiceInformation></TSPService>`;
  });
  const signature = `<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>
<CanonicalizationMethod Algorithm="${C14N}"/><SignatureMethod Algorithm="${SHA256_RSA}"/>
<Reference URI=""><Transforms><Transform Algorithm="${ENVELOPED}"/><Transform Algorithm="${C14N}"/></Transforms>
<DigestMethod Algorithm="${SHA256}"/><DigestValue/></Reference></SignedInfo><SignatureValue/>
<KeyInfo><X509Data/></KeyInfo></Signature>`;
  const issued = new Date(Date.now() - 1000 * (100 - list.sequence)).toISOString();
  const xml = `<?xml version="1.0" encoding="UTF-8"?>
<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#" TSLTag="http://uri.etsi.org/02231/TSLTag">
<SchemeInformation><TSLVersionIdentifier>3</TSLVersionIdentifier><TSLSequenceNumber>${list.sequence}</TSLSequenceNumber>
<TSLType>http://uri.etsi.org/TrstSvc/TSLType/generic</TSLType>${name("SchemeOperatorName", "Test Operator")}
${name("SchemeName", "Test Scheme")}<SchemeTerritory>EU</SchemeTerritory>
<ListIssueDateTime>${issued}</ListIssueDateTime>
<NextUpdate><dateTime>${list.nextUpdate ?? "2090-01-01T00:00:00Z"}</dateTime></NextUpdate></SchemeInformation>
<TrustServiceProviderList><TrustServiceProvider><TSPInformation>${name("TSPName", "Test Provider")}</TSPInformation>
<TSPServices>${services.join("\n")}</TSPServices></TrustServiceProvider></TrustServiceProviderList>${signature}
</TrustServiceStatusList>
`;
  const template = join(folder, "template.xml");
  const key = join(folder, "list-signer.key");
  const certificate = join(folder, "list-signer.pem");
  await writeFile(template, xml);
  await writeFile(key, signer.key.keyObject.export({ format: "pem", type: "pkcs8" }));
  await writeFile(certificate, signer.certificate.pem);
  return runPeer(peers.xmlsec, ["--sign", "--privkey-pem", `${key},${certificate}`, template]);
}
