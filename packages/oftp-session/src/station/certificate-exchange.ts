import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Certificate } from "@waybill/cert-store";
import { certificatesIn } from "@waybill/cms-security";
import { isTransferError, TransferError } from "@waybill/net-core";
import { negativeResponseReasons, type Sfid } from "@waybill/oftp-codec";
import { UNSECURED } from "../security/security-rules.js";
import { writeContentFile } from "../storage/content-file.js";
import { settleSentFile } from "../storage/outbox.js";
import type { QueuedFile } from "./outgoing-queue.js";
import type { Partner } from "./partner.js";
import { queuedFile } from "./queued-file.js";
import type { ReceivedRecord } from "./received-files.js";
import type { StationCore } from "./station-core.js";
import type { CertificateDecision } from "./station-options.js";

/**
 * How certificates are exchanged as virtual files of these names (Odette's automatic certificate exchange; RFC 5024 section 10.4):
 * `request` sends one and asks for the partner's in return, `deliver` sends one that may be used beside those before it, `replace`
 * one in place of them.
 */
export type CertificateExchange = "request" | "deliver" | "replace";

const DATASET_NAMES: Readonly<Record<CertificateExchange, string>> = {
  request: "ODETTE_CERTIFICATE_REQUEST",
  deliver: "ODETTE_CERTIFICATE_DELIVER",
  replace: "ODETTE_CERTIFICATE_REPLACE",
};

/** Octets of a file with a certificate. */
export const MAX_CERTIFICATE_FILE = 256 * 1024;

/** What a virtual file of this name is for; undefined for all others. */
export function certificateExchangeOf({
  datasetName,
}: Pick<Sfid, "datasetName">): CertificateExchange | undefined {
  const name = datasetName.trimEnd().toUpperCase();
  const kinds = Object.keys(DATASET_NAMES) as CertificateExchange[];
  return kinds.find((kind) => DATASET_NAMES[kind] === name);
}

/** See `OftpStation.sendCertificate`. */
export async function sendCertificate(
  core: StationCore,
  partnerName: string,
  exchange: CertificateExchange,
  chosen: Certificate | undefined,
): Promise<QueuedFile> {
  const partner = await core.partner(partnerName);
  const certificate = chosen ?? core.security.signers(partner, "encryption")[0].certificate;
  const timestamp = await core.clock.next();
  const path = join(core.certificateFolder, `${timestamp.date}${timestamp.time}.cer`);
  await writeContentFile(path, wholeOf(certificate.der));
  // As it is, whatever the partner's files are like: it may not be able to open anything yet.
  return core.enqueue(partnerName, () =>
    queuedFile(
      core,
      partner,
      { path, datasetName: DATASET_NAMES[exchange], timestamp, afterSending: "remove" },
      UNSECURED,
    ),
  );
}

/**
 * Decides about a certificate that has arrived, and owes the partner the answer: EERP, or NERP with the reason. Can be done again
 * after a crash.
 */
export async function takeCertificate(core: StationCore, key: string, record: ReceivedRecord): Promise<void> {
  const exchange = certificateExchangeOf(record.sfid);
  const partner = await core.options.partners.byName(record.partner);
  if (exchange === undefined || partner === undefined) return;
  let certificate: Certificate | undefined;
  let decision: CertificateDecision;
  try {
    certificate = await certificateIn(record.path);
    decision = await decide(core, partner, exchange, certificate, record.sfid);
    if (decision.accept) await store(core, partner, exchange, certificate, decision);
  } catch (error) {
    core.logger.warn(
      { error, partner: partner.name, exchange },
      "a certificate of a partner cannot be taken",
    );
    // What is wrong here, such as a path, is not for the partner.
    const isTheirs = isTransferError(error) && /^ERR_(CMS|CERTIFICATE|OFTP_CERTIFICATE)/.test(error.code);
    decision = { accept: false, text: isTheirs ? error.message : "the certificate cannot be taken now" };
  }
  const text = decision.accept ? "" : (decision.text ?? "certificates are not accepted here");
  core.logger.info(
    { partner: partner.name, exchange, accepted: decision.accept, subject: certificate?.subject.text, text },
    "a certificate of a partner",
  );
  if (decision.accept && exchange === "request") await answerRequest(core, partner);
  const { code } = negativeResponseReasons.unspecified;
  await core.incoming.answer(key, record, decision.accept ? undefined : { reason: code, text });
  await settleSentFile(record.path, { action: "delete" });
  core.emit("certificateReceived", {
    partner: partner.name,
    exchange,
    certificate,
    accepted: decision.accept,
    text,
  });
}

async function decide(
  { options, security }: StationCore,
  partner: Partner,
  exchange: CertificateExchange,
  certificate: Certificate,
  { description }: Sfid,
): Promise<CertificateDecision> {
  const all = await security.certificates.all(partner.name, partner.certificates ?? []);
  const known = all.map((each) => each.certificate);
  const hook = options.hooks?.acceptCertificate;
  return hook === undefined
    ? { accept: false }
    : hook({ partner, exchange, certificate, known, description });
}

async function store(
  { security, now }: StationCore,
  partner: Partner,
  exchange: CertificateExchange,
  certificate: Certificate,
  { purposes }: Extract<CertificateDecision, { accept: true }>,
): Promise<void> {
  const known = await security.certificates.all(partner.name, partner.certificates ?? []);
  const thumbprints = known.map((each) => each.certificate.thumbprint("sha256"));
  await security.certificates.accept(
    partner.name,
    { certificate, purposes },
    exchange === "replace" ? thumbprints : [],
    now(),
  );
}

/** This station's own in return: the newest for each purpose that is about files. */
async function answerRequest(core: StationCore, partner: Partner): Promise<void> {
  const sent = new Set<string>();
  for (const purpose of ["encryption", "signing", "receipts"] as const) {
    const [newest] = core.security.identities(partner, purpose);
    if (newest === undefined || sent.has(newest.certificate.thumbprint("sha256"))) continue;
    sent.add(newest.certificate.thumbprint("sha256"));
    await sendCertificate(core, partner.name, "deliver", newest.certificate);
  }
}

/** The one that is for the partner itself; its authorities may come along. */
async function certificateIn(path: string): Promise<Certificate> {
  const all = await certificatesIn(await readFile(path));
  const [own, ...more] = all.filter((each) => !all.some((other) => other !== each && other.isSignedBy(each)));
  if (own !== undefined && more.length === 0) return own;
  throw new TransferError(
    "ERR_OFTP_CERTIFICATE",
    "The file must have one certificate, or one and its authorities",
  );
}

async function* wholeOf(octets: Uint8Array): AsyncGenerator<Uint8Array> {
  yield octets;
}
