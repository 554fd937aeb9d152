import { TransferError } from "@waybill/net-core";
import type { NegotiatedAlgorithms } from "./session.js";

/** The classes of algorithms that an SSH connection negotiates (RFC 4253 section 7.1). */
export interface AlgorithmLists {
  readonly kex: readonly string[];
  readonly hostKey: readonly string[];
  readonly cipher: readonly string[];
  readonly mac: readonly string[];
  readonly compression: readonly string[];
}

/**
 * Which algorithms a connection may use. Without it: {@link MODERN_ALGORITHMS}.
 */
export interface AlgorithmPolicy {
  /** Replace the list of a class, best first. */
  readonly only?: Partial<AlgorithmLists> | undefined;
  /**
   * Older algorithms for old partners, by name (`diffie-hellman-group14-sha1`, `ssh-rsa`, `aes256-cbc`, `hmac-sha1`, …; see
   * {@link LEGACY_ALGORITHMS}). Each is put at the end of its class: it is used only when nothing better is shared.
   */
  readonly legacy?: readonly string[] | undefined;
}

/** The default: what OpenSSH 9 would still use, best first. */
export const MODERN_ALGORITHMS: AlgorithmLists = {
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
  ],
  hostKey: [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
  ],
  cipher: [
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
  ],
  mac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
  compression: ["none", "zlib@openssh.com"],
};

/** Older algorithms that `AlgorithmPolicy.legacy` accepts. Each has a known weakness; none is used unasked. */
export const LEGACY_ALGORITHMS: AlgorithmLists = {
  kex: ["diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1"],
  hostKey: ["ssh-rsa"],
  cipher: ["aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc"],
  mac: ["hmac-sha1-etm@openssh.com", "hmac-sha1", "hmac-md5"],
  compression: ["zlib"],
};

// The engine can ask for a group as a client, but as a server it cannot offer one (RFC 4419).
const CLIENT_ONLY_KEX = "diffie-hellman-group-exchange-sha256";

const CLASSES = ["kex", "hostKey", "cipher", "mac", "compression"] as const;

/**
 * The lists that a connection offers.
 * Errors: `ERR_SSH_ALGORITHM_UNSUPPORTED` for a name that this package does not know in that class.
 */
export function resolveAlgorithms(role: "client" | "server", policy: AlgorithmPolicy = {}): AlgorithmLists {
  const legacy = new Set(policy.legacy ?? []);
  const resolved: Record<string, readonly string[]> = {};
  for (const name of CLASSES) {
    const modern =
      name === "kex" && role === "client"
        ? [...MODERN_ALGORITHMS.kex, CLIENT_ONLY_KEX]
        : MODERN_ALGORITHMS[name];
    const known = [...modern, ...LEGACY_ALGORITHMS[name]];
    const chosen = [...(policy.only?.[name] ?? modern)];
    for (const algorithm of LEGACY_ALGORITHMS[name]) {
      if (legacy.delete(algorithm) && !chosen.includes(algorithm)) chosen.push(algorithm);
    }
    const unknown = chosen.find((algorithm) => !known.includes(algorithm));
    if (unknown !== undefined) throw unsupported(unknown, name);
    if (chosen.length === 0) {
      throw new TransferError("ERR_SSH_ALGORITHM_UNSUPPORTED", `the list of ${name} algorithms is empty`);
    }
    resolved[name] = chosen;
  }
  for (const algorithm of legacy) throw unsupported(algorithm, "legacy");
  return resolved as unknown as AlgorithmLists;
}

function unsupported(algorithm: string, where: string): TransferError {
  return new TransferError(
    "ERR_SSH_ALGORITHM_UNSUPPORTED",
    `the ${where} algorithm "${algorithm}" is not supported; see MODERN_ALGORITHMS and LEGACY_ALGORITHMS`,
  );
}

/** The lists in the engine's names. */
export function engineAlgorithms(lists: AlgorithmLists): Record<string, string[]> {
  return {
    kex: [...lists.kex],
    serverHostKey: [...lists.hostKey],
    cipher: [...lists.cipher],
    hmac: [...lists.mac],
    compress: [...lists.compression],
  };
}

interface EngineDirection {
  readonly cipher: string;
  readonly mac: string;
  readonly compress: string;
}

/** The engine's account of a key exchange. */
export interface EngineNegotiation {
  readonly kex: string;
  readonly serverHostKey: string;
  readonly cs: EngineDirection;
  readonly sc: EngineDirection;
}

export function negotiatedAlgorithms(negotiation: EngineNegotiation): NegotiatedAlgorithms {
  const direction = ({ cipher, mac, compress }: EngineDirection) => ({ cipher, mac, compression: compress });
  return {
    kex: negotiation.kex,
    hostKey: negotiation.serverHostKey,
    clientToServer: direction(negotiation.cs),
    serverToClient: direction(negotiation.sc),
  };
}
