import type { EventEmitter } from "node:events";
import { relative } from "node:path";
import { type Eerp, type Nerp, negativeResponseReasonText, type ProtocolLevel } from "@waybill/oftp-codec";
import type { QueuedFile, StationEvents } from "@waybill/oftp-session";
import { printable } from "../../printable.js";
import { formatBytes, ProgressDisplay, type ProgressOutput } from "../../progress-display.js";
import { certificateText, receivedSecurityText, sentSecurityText } from "./security-text.js";

/** Between two drawings of a progress bar. */
const REDRAW_MS = 100;

const RELEASES: Readonly<Record<ProtocolLevel, string>> = { 1: "1.2", 2: "1.3", 4: "1.4", 5: "2.0" };

interface Current {
  readonly name: string;
  readonly totalBytes: number;
  readonly startedAt: number;
  /** Octets that were there before this session. */
  first: number | undefined;
  bytes: number;
  drawnAt: number;
}

/** Shows what happens in a session: a bar for the file that is under way on a terminal, and a line for all that is done. */
export class TransferView {
  readonly #output: ProgressOutput;
  readonly #display: ProgressDisplay;
  readonly #quiet: boolean;
  #current: Current | undefined;
  /** The key of the file whose sealing is shown. */
  #sealed: string | undefined;

  constructor(output: ProgressOutput, options: { readonly quiet: boolean }) {
    this.#output = output;
    this.#display = new ProgressDisplay(output);
    this.#quiet = options.quiet;
  }

  watch(source: EventEmitter<StationEvents>): void {
    source.on("sessionOpened", ({ session, partnerSsid, negotiated }) => {
      const { level, bufferSize, credit, compression } = negotiated;
      const facts = [
        `ODETTE-FTP ${RELEASES[level]}`,
        `buffer ${bufferSize}`,
        `credit ${credit}`,
        ...(compression ? ["compression"] : []),
        session.tls === undefined ? "no TLS" : session.tls.protocol,
      ];
      const name = session.partner?.name ?? partnerSsid.code.trimEnd();
      this.line(`connected to ${name} (${partnerSsid.code.trimEnd()}): ${facts.join(", ")}`);
    });
    source.on("sendStarted", ({ file, outgoing }) =>
      this.#begin(`sending ${file.datasetName}`, outgoing.size),
    );
    source.on("receiveStarted", ({ sfid }) =>
      this.#begin(`receiving ${sfid.datasetName}`, sfid.fileSize * 1024),
    );
    source.on("progress", ({ octets }) => this.#progress(octets));
    source.on("sealing", ({ file, octets, size }) => this.#sealing(file, octets, size));
    source.on("fileSent", ({ file, octets }) => {
      const facts = [this.#amount(octets), sentSecurityText(file)].filter((fact) => fact !== "");
      this.#end(`sent ${shownPath(file.path)} as ${file.datasetName}: ${facts.join(", ")}`);
    });
    source.on("fileReceived", ({ file }) => {
      const { datasetName } = file.sfid;
      const facts = [this.#amount(file.octets), receivedSecurityText(file)].filter((fact) => fact !== "");
      this.#end(`received ${datasetName} as ${shownPath(file.path)}: ${facts.join(", ")}`);
    });
    for (const name of ["fileRefused", "fileInterrupted", "receiveRefused", "sessionEnded"] as const) {
      source.on(name, () => this.#drop());
    }
    source.on("endResponseReceived", (event) => {
      const { response, file } = event;
      const name =
        file === undefined ? `${response.datasetName}, which was not sent from here` : file.datasetName;
      this.line(`receipt for ${name}: ${describeResponse(response)}${proofText(event)}`);
    });
    source.on("certificateReceived", ({ partner, certificate, accepted, text }) => {
      const name = certificate === undefined ? "" : ` ${certificateText(certificate)}`;
      const outcome = accepted ? "accepted" : `not accepted, ${text}`;
      this.#end(`certificate${name} of ${partner}: ${outcome}`);
    });
    source.on("endResponseSent", ({ response }) => {
      this.line(`receipt sent for ${response.datasetName}: ${response.kind}`);
    });
  }

  /** A line of its own, the bar below it. */
  line(text: string): void {
    if (this.#quiet) return;
    this.#clear();
    this.#output.write(`${printable(text)}\n`);
  }

  /** Takes the bar away, so that something else can be written. */
  clear(): void {
    if (!this.#quiet) this.#clear();
  }

  /** Not while something is sent or received: what is sealed beside it has no bar. */
  #sealing({ key, datasetName }: QueuedFile, octets: number, size: number): void {
    if (this.#current !== undefined && this.#sealed !== key) return;
    if (this.#sealed !== key) this.#begin(`sealing ${datasetName}`, size);
    this.#sealed = key;
    this.#progress(octets);
    if (octets < size) return;
    this.#drop();
  }

  #begin(name: string, totalBytes: number): void {
    this.#sealed = undefined;
    this.#current = {
      name,
      totalBytes,
      startedAt: performance.now(),
      first: undefined,
      bytes: 0,
      drawnAt: 0,
    };
  }

  #progress(octets: number): void {
    const current = this.#current;
    if (current === undefined) return;
    current.first ??= octets;
    current.bytes = octets;
    const now = performance.now();
    if (this.#quiet || this.#output.isTTY !== true || now - current.drawnAt < REDRAW_MS) return;
    current.drawnAt = now;
    const elapsedMs = now - current.startedAt;
    const bytesPerSecond = ((octets - current.first) * 1000) / Math.max(1, elapsedMs);
    const { name, bytes, totalBytes } = current;
    this.#display.show({ name, bytes, totalBytes, bytesPerSecond, elapsedMs, ended: false });
  }

  #amount(octets: number): string {
    const current = this.#current;
    const seconds = current === undefined ? 0 : (performance.now() - current.startedAt) / 1000;
    const resumed = current?.first ? `, the first ${current.first} in an earlier session` : "";
    const rate = seconds < 1 ? "" : `, ${formatBytes((octets - (current?.first ?? 0)) / seconds)}/s`;
    return `${octets} bytes, ${seconds.toFixed(1)} s${rate}${resumed}`;
  }

  #end(text: string): void {
    this.line(text);
    this.#current = undefined;
  }

  #drop(): void {
    if (!this.#quiet) this.#clear();
    this.#current = undefined;
    this.#sealed = undefined;
  }

  /** Takes the bar away. */
  #clear(): void {
    if (this.#output.isTTY !== true || (this.#current?.drawnAt ?? 0) === 0) return;
    this.#output.write("\r\u001b[K");
    if (this.#current !== undefined) this.#current.drawnAt = 0;
  }
}

/** What a receipt proves that was to be signed: else it would not have been accepted. */
function proofText(event: StationEvents["endResponseReceived"][0]): string {
  if (event.file?.security.signedReceipt !== true) return "";
  const { signer } = event;
  return `, signed${signer === undefined ? "" : ` by ${certificateText(signer)}`}, verified`;
}

/** `EERP`, or why it is a NERP. */
export function describeResponse(response: Eerp | Nerp): string {
  if (response.kind === "EERP") return "EERP, it has arrived";
  const reason = String(response.reason).padStart(2, "0");
  const text = response.text === "" ? "" : ` (${response.text})`;
  return `NERP ${reason} of ${response.creator.trimEnd()}, ${negativeResponseReasonText(response.reason)}${text}`;
}

/** Relative where that is shorter and within the present folder. */
function shownPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") ? path : near;
}
