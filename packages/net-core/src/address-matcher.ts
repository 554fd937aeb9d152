import { BlockList, isIPv4, isIPv6 } from "node:net";
import { normalizeAddress } from "./address.js";
import { TransferError } from "./transfer-error.js";

const PREFIX = /^(0|[1-9]\d{0,2})$/;
const MAPPED_BITS = 96;

/**
 * A set of addresses and CIDR ranges (`192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`; RFC 4632, RFC 4291 section 2.3).
 * Bits of an address beyond its prefix do not count. IPv4-mapped IPv6 addresses are IPv4 addresses, in ranges too;
 * otherwise a range holds addresses of its own family only, so `::/0` is all of IPv6 and nothing of IPv4.
 */
export class AddressMatcher {
  /** How many addresses and ranges there are. */
  readonly size: number;
  // One list per family: a BlockList compares across families.
  readonly #ipv4 = new BlockList();
  readonly #ipv6 = new BlockList();

  /** Errors: `ERR_ADDRESS_RANGE_INVALID`, naming the first entry that is neither an address nor a range. */
  constructor(ranges: readonly string[]) {
    this.size = ranges.length;
    for (const range of ranges) this.#add(range);
  }

  /** Whether `address` is in the set. Errors: `ERR_ADDRESS_INVALID` when it is no address at all. */
  matches(address: string): boolean {
    const normal = normalizeAddress(address);
    if (isIPv4(normal)) return this.#ipv4.check(normal, "ipv4");
    if (isIPv6(normal)) return this.#ipv6.check(normal, "ipv6");
    throw new TransferError("ERR_ADDRESS_INVALID", `${JSON.stringify(address)} is not an IP address`);
  }

  #add(range: string): void {
    const [address = "", prefix, ...rest] = String(range).split("/");
    const family = isIPv4(address) ? 4 : isIPv6(address) && !address.includes("%") ? 6 : undefined;
    const bits = family === 4 ? 32 : 128;
    const length = prefix === undefined ? bits : PREFIX.test(prefix) ? Number(prefix) : Number.NaN;
    if (family === undefined || rest.length > 0 || !(length <= bits)) {
      throw new TransferError(
        "ERR_ADDRESS_RANGE_INVALID",
        `${JSON.stringify(range)} is neither an IP address nor a CIDR range such as 10.0.0.0/8`,
        { details: { range } },
      );
    }
    const normal = normalizeAddress(address);
    if (family === 4) this.#ipv4.addSubnet(normal, length, "ipv4");
    else if (isIPv4(normal) && length >= MAPPED_BITS) {
      this.#ipv4.addSubnet(normal, length - MAPPED_BITS, "ipv4");
    } else this.#ipv6.addSubnet(address, length, "ipv6");
  }
}
