import type { Sfid } from "@waybill/oftp-codec";
import type { FileSink, FileTotals } from "../user-monitor.js";
import { wireFormat } from "./received-file-key.js";
import { hasRecords } from "./record-mapping.js";

const BLOCK = 1024;

/**
 * A sink for a file that is stored already and whose EFPA was lost: the partner offers it again, with all of it as restart
 * position or from its beginning, and gets its EFPA. Nothing is written. `totals` are those of the stored file; `finish` is called
 * as for any file and changes nothing.
 */
export function storedFileSink(sfid: Sfid, totals: FileTotals): FileSink {
  const records = hasRecords(wireFormat(sfid));
  const units = records ? totals.records : Math.floor(totals.octets / BLOCK);
  // What lies before a lower position is only known for all of the file.
  const restartPosition = sfid.restartPosition >= units ? units : 0;
  return {
    restartPosition,
    async begin(position) {
      if (position === 0) return { records: 0, octets: 0 };
      return records ? totals : { records: 0, octets: position * BLOCK };
    },
    async write() {},
    async finish() {},
    async discard() {},
    async interrupt() {},
  };
}
