import { KEY_USAGES, type KeyUsage } from "../certificate-types.js";

/**
 * Key usages as one number, as other systems keep them: the octets of the extension, the first one lowest. So
 * `digitalSignature` is 0x80, `nonRepudiation` 0x40, and so on down to `encipherOnly` with 0x01; `decipherOnly` is 0x8000.
 */
export function keyUsageFlags(usages: readonly KeyUsage[]): number {
  return usages.reduce((flags, usage) => {
    const bit = KEY_USAGES.indexOf(usage);
    return flags | ((0x80 >> (bit & 7)) << (8 * (bit >> 3)));
  }, 0);
}
