import { answerReasons, type Sfid } from "@waybill/oftp-codec";
import { FileRefusedError } from "../file-refused-error.js";
import type { LayoutOptions } from "./local-layout.js";
import { wireFormat } from "./received-file-key.js";
import { hasRecords, type LineEnd, mappingFor, type RecordMapping } from "./record-mapping.js";

/** What of a file's options decides how it is kept. */
export interface ReceptionWishes {
  readonly sfid: Sfid;
  readonly recordMapping?: RecordMapping | undefined;
  readonly lineEnd?: LineEnd | undefined;
  readonly open?: unknown;
  readonly inspect?: unknown;
}

/** How a file is kept while it arrives, and afterwards. */
export interface ReceptionPlan {
  /** Of the partial file. */
  readonly arriving: LayoutOptions;
  /** Of the file in the inbox, when that is another file, made once all of the partial one is on disk. */
  readonly content: LayoutOptions | undefined;
}

/**
 * A file is kept from the start as it is going to be, except:
 * - one that is opened: what arrives has no records, what is inside has those of its format.
 * - one that is inspected and becomes lines: they do not always tell what was transmitted (a record may hold a line end), so
 *   that it is kept as it comes, and the lines are made afterwards.
 *
 * Errors: `ERR_OPTION_INVALID`, `ERR_OFTP_FILE_REFUSED` with reason 5 (records in an envelope whose size was not announced).
 */
export function receptionPlan({ sfid, open, inspect, ...wishes }: ReceptionWishes): ReceptionPlan {
  const { maxRecordSize } = sfid;
  const lineEnd = wishes.lineEnd ?? "lf";
  const wire = wireFormat(sfid);
  const opened = sfid.envelope !== 0 && open !== undefined;
  const format = opened ? sfid.format : wire;
  const mapping = mappingFor(format, wishes.recordMapping);
  const inbox: LayoutOptions = { format, maxRecordSize, mapping, lineEnd };
  if (opened) {
    if (hasRecords(format) && maxRecordSize < 1) {
      const { code } = answerReasons.recordLengthNotSupported;
      throw new FileRefusedError(code, `format ${format} needs a maximum record size`);
    }
    return { arriving: { format: wire, maxRecordSize, mapping: "none", lineEnd }, content: inbox };
  }
  if (inspect !== undefined && mapping === "lines") {
    const asTransmitted = format === "F" ? "fixed" : "length-prefixed";
    return { arriving: { ...inbox, mapping: asTransmitted }, content: inbox };
  }
  return { arriving: inbox, content: undefined };
}
