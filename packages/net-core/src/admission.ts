import { AddressMatcher } from "./address-matcher.js";
import { checkInteger, checkTimeMs } from "./option-checks.js";

/** A connection that asks to come in. IPv4-mapped IPv6 addresses are given as IPv4. */
export interface ConnectionInfo {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Connections of the listener at this moment, those that wait for admission (this one, then) included. */
  readonly connections: number;
}

/** Why a connection was refused: by the lists, by a limit, or by the `admit` hook (it said no, threw, or was late). */
export type RefusalReason =
  | "blocked"
  | "not-allowed"
  | "too-many-connections"
  | "too-many-connections-from-address"
  | "not-admitted"
  | "admit-failed"
  | "admit-timeout";

/** Who may connect. Everyone, by default. */
export interface AdmissionOptions {
  /** Addresses and CIDR ranges that may connect; when not empty all others are refused. See `AddressMatcher`. */
  readonly allow?: readonly string[] | undefined;
  /** Addresses and CIDR ranges that are refused, those in `allow` too. */
  readonly block?: readonly string[] | undefined;
  /** Default: no limit. */
  readonly maxConnections?: number | undefined;
  /** Default: no limit. */
  readonly maxConnectionsPerAddress?: number | undefined;
  /**
   * Decides about a connection that the lists and limits let through: `true` lets it in, anything else, an error
   * too, refuses it. What the other side sends in the meantime is kept (some 64 KiB, then TCP makes it wait).
   */
  readonly admit?: ((info: ConnectionInfo) => boolean | Promise<boolean>) | undefined;
  /** How long `admit` may take. Default 10 s. */
  readonly admitTimeoutMs?: number | undefined;
}

const DEFAULT_ADMIT_TIMEOUT_MS = 10_000;

/** The rules of {@link AdmissionOptions}, checked, and the connections that they count. */
export class Admission {
  readonly #allow: AddressMatcher;
  readonly #block: AddressMatcher;
  readonly #maxConnections: number;
  readonly #maxPerAddress: number;
  readonly #admit: AdmissionOptions["admit"];
  readonly #admitTimeoutMs: number;
  readonly #perAddress = new Map<string, number>();
  #connections = 0;

  /** Errors: `ERR_OPTION_INVALID`, `ERR_ADDRESS_RANGE_INVALID`. */
  constructor(options: AdmissionOptions) {
    this.#allow = new AddressMatcher(options.allow ?? []);
    this.#block = new AddressMatcher(options.block ?? []);
    this.#maxConnections = checkLimit("maxConnections", options.maxConnections);
    this.#maxPerAddress = checkLimit("maxConnectionsPerAddress", options.maxConnectionsPerAddress);
    this.#admit = options.admit;
    this.#admitTimeoutMs = checkTimeMs(
      "admitTimeoutMs",
      options.admitTimeoutMs ?? DEFAULT_ADMIT_TIMEOUT_MS,
      1,
    );
  }

  get connections(): number {
    return this.#connections;
  }

  /** Whether {@link decide} has anyone to ask. */
  get asks(): boolean {
    return this.#admit !== undefined;
  }

  /** Counts a connection from `address`, or says why not. What was counted is given back with {@link leave}. */
  enter(address: string): RefusalReason | undefined {
    if (this.#block.matches(address)) return "blocked";
    if (this.#allow.size > 0 && !this.#allow.matches(address)) return "not-allowed";
    if (this.#connections >= this.#maxConnections) return "too-many-connections";
    const fromAddress = this.#perAddress.get(address) ?? 0;
    if (fromAddress >= this.#maxPerAddress) return "too-many-connections-from-address";
    this.#connections += 1;
    this.#perAddress.set(address, fromAddress + 1);
    return undefined;
  }

  leave(address: string): void {
    const fromAddress = this.#perAddress.get(address) ?? 0;
    this.#connections -= 1;
    if (fromAddress > 1) this.#perAddress.set(address, fromAddress - 1);
    else this.#perAddress.delete(address);
  }

  /** Asks the `admit` hook. Never rejects: an error goes to `onError`. */
  async decide(info: ConnectionInfo, onError: (error: unknown) => void): Promise<RefusalReason | undefined> {
    const ask = async (): Promise<RefusalReason | undefined> => {
      try {
        return (await this.#admit?.(info)) === true ? undefined : "not-admitted";
      } catch (error) {
        onError(error);
        return "admit-failed";
      }
    };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<RefusalReason>((resolve) => {
      timer = setTimeout(resolve, this.#admitTimeoutMs, "admit-timeout");
    });
    try {
      return await Promise.race([ask(), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function checkLimit(option: string, value: number | undefined): number {
  return value === undefined
    ? Number.POSITIVE_INFINITY
    : checkInteger(option, value, 1, Number.MAX_SAFE_INTEGER);
}
