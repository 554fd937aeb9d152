import { TransferError } from "@waybill/net-core";
import { printable } from "./scp-errors.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// biome-ignore lint/suspicious/noControlCharactersInRegex: Windows refuses them in names
const WINDOWS_UNSAFE = /[\\:*?"<>|\u0000-\u001f]|[ .]$|^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;

/** A name's bytes as text, or undefined when they are not UTF-8: such a name cannot be kept exactly. */
export function decodeName(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Refuses a name that does not name an entry of a folder: empty, `.`, `..`, or with `/` or NUL in it; on Windows also
 * what leads elsewhere there. A server that sends one is at odds with the protocol (CVE-2018-20685).
 * Errors: `ERR_SCP_UNSAFE_NAME`.
 */
export function checkEntryName(name: string, platform: NodeJS.Platform = process.platform): string {
  const unsafe =
    name === "" ||
    name === "." ||
    name === ".." ||
    name.includes("/") ||
    name.includes("\0") ||
    (platform === "win32" && WINDOWS_UNSAFE.test(name));
  if (!unsafe) return name;
  throw new TransferError("ERR_SCP_UNSAFE_NAME", `a file or folder cannot be named "${printable(name)}"`, {
    details: { name },
  });
}
