/** Options of the limit on failed logins. */
export interface LoginLimits {
  /** Failures from one address within the window after which it is refused. Default 30. */
  readonly maxFailuresPerAddress?: number | undefined;
  /** Failures for one user name, from any address, within the window after which it is refused. Default 60. */
  readonly maxFailuresPerUser?: number | undefined;
  /** How long a failure counts, in milliseconds. Default 300,000 (five minutes). */
  readonly windowMs?: number | undefined;
}

// A table of names is itself something an attacker can fill.
const MAX_TRACKED = 10_000;

interface Count {
  failures: number;
  readonly until: number;
}

/** Counts failed logins per address and per user, and says who has had enough of them. */
export class LoginLimiter {
  readonly #addresses = new Map<string, Count>();
  readonly #users = new Map<string, Count>();
  readonly #maxPerAddress: number;
  readonly #maxPerUser: number;
  readonly #windowMs: number;
  readonly #now: () => number;

  constructor(limits: LoginLimits = {}, now: () => number = Date.now) {
    this.#maxPerAddress = limits.maxFailuresPerAddress ?? 30;
    this.#maxPerUser = limits.maxFailuresPerUser ?? 60;
    this.#windowMs = limits.windowMs ?? 300_000;
    this.#now = now;
  }

  /** Whether a login attempt may be looked at. */
  allows(address: string, user: string): boolean {
    return (
      this.#failures(this.#addresses, address) < this.#maxPerAddress &&
      this.#failures(this.#users, user) < this.#maxPerUser
    );
  }

  failed(address: string, user: string): void {
    this.#count(this.#addresses, address);
    this.#count(this.#users, user);
  }

  /** A success clears the failures of the address. Those of the user stay: others may be guessing at the same time. */
  succeeded(address: string): void {
    this.#addresses.delete(address);
  }

  #failures(table: Map<string, Count>, key: string): number {
    const count = table.get(key);
    return count === undefined || count.until <= this.#now() ? 0 : count.failures;
  }

  #count(table: Map<string, Count>, key: string): void {
    const count = table.get(key);
    if (count !== undefined && count.until > this.#now()) {
      count.failures++;
      return;
    }
    table.delete(key);
    if (table.size >= MAX_TRACKED) this.#evict(table);
    table.set(key, { failures: 1, until: this.#now() + this.#windowMs });
  }

  /** Makes room: the expired first, else the oldest (a Map keeps the order in which windows began). */
  #evict(table: Map<string, Count>): void {
    for (const [key, count] of table) {
      if (count.until > this.#now() && table.size < MAX_TRACKED) return;
      table.delete(key);
    }
  }
}
