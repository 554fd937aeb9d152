import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type KnownHosts, matchesFingerprint, type PublicKey, parseKnownHosts } from "@waybill/cert-store";
import { errorCode, formatAddress, TransferError } from "@waybill/net-core";

/** What a host key callback is told. */
export interface HostKeyQuestion {
  readonly host: string;
  readonly port: number;
  readonly key: PublicKey;
  /** `SHA256:…`, as OpenSSH shows it. */
  readonly fingerprint: string;
}

/**
 * How a client decides whether it talks to the right server. All are strict: a key that is not known is refused, with
 * its fingerprint in the error.
 *
 * - `knownHostsFiles`: OpenSSH's format; a missing file is an empty one.
 * - `keys`, `fingerprints`: pinned; `SHA256:…`, `MD5:…` or colon-separated hexadecimal.
 * - `verify`: asked, with the key. A callback that accepts everything gives up the protection, and should say so.
 */
export type HostKeyPolicy =
  | { readonly knownHostsFiles: readonly string[] }
  | { readonly keys: readonly PublicKey[] }
  | { readonly fingerprints: readonly string[] }
  | { readonly verify: (question: HostKeyQuestion) => boolean | Promise<boolean> };

/** `~/.ssh/known_hosts`. */
export function defaultKnownHostsFile(): string {
  return join(homedir(), ".ssh", "known_hosts");
}

/** A policy with its files read, for one connection. */
export interface HostKeyCheck {
  /** The types of the keys that are known for this server: those are asked for first. */
  readonly knownTypes: readonly string[];
  /**
   * Resolves when the key is trusted.
   * Errors: `ERR_HOST_KEY_UNKNOWN`, `ERR_HOST_KEY_CHANGED`, `ERR_HOST_KEY_REVOKED`, `ERR_HOST_KEY_MISMATCH` (not the pinned
   * one), `ERR_HOST_KEY_REFUSED` (by the callback).
   */
  check(key: PublicKey): Promise<void>;
}

/** Prepares the check of the key of `host`. Errors: `ERR_KNOWN_HOSTS_UNREADABLE`. */
export async function prepareHostKeyCheck(
  policy: HostKeyPolicy,
  host: string,
  port: number,
): Promise<HostKeyCheck> {
  if ("knownHostsFiles" in policy) {
    // As one list: what one file says of the host must not be overlooked because another one knows the key.
    const texts = await Promise.all(policy.knownHostsFiles.map(readKnownHosts));
    const where = policy.knownHostsFiles.join(", ");
    return knownHostsCheck(parseKnownHosts(texts.join("\n"), { fileName: where }), where, host, port);
  }
  if ("keys" in policy) {
    return {
      knownTypes: policy.keys.map((key) => key.type),
      check: async (key) => {
        if (!policy.keys.some((pinned) => pinned.equals(key))) throw mismatch(host, port, key);
      },
    };
  }
  if ("fingerprints" in policy) {
    return {
      knownTypes: [],
      check: async (key) => {
        if (!policy.fingerprints.some((pinned) => matchesFingerprint(key, pinned)))
          throw mismatch(host, port, key);
      },
    };
  }
  return {
    knownTypes: [],
    check: async (key) => {
      if (await policy.verify({ host, port, key, fingerprint: key.fingerprint() })) return;
      throw failure("ERR_HOST_KEY_REFUSED", host, port, key, "was refused");
    },
  };
}

async function readKnownHosts(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return "";
    throw new TransferError("ERR_KNOWN_HOSTS_UNREADABLE", `cannot read the known hosts in ${path}`, {
      cause: error,
    });
  }
}

function knownHostsCheck(known: KnownHosts, where: string, host: string, port: number): HostKeyCheck {
  const refuse = (code: string, key: PublicKey, what: string) => failure(code, host, port, key, what);
  return {
    knownTypes: known.keysFor(host, port).map((key) => key.type),
    check: async (key) => {
      switch (known.check(host, port, key)) {
        case "trusted":
          return;
        case "revoked":
          throw refuse("ERR_HOST_KEY_REVOKED", key, "is marked as revoked");
        case "changed":
          throw refuse(
            "ERR_HOST_KEY_CHANGED",
            key,
            `differs from the one in ${where}: someone may be listening in, or the server has a new key`,
          );
        case "unknown":
          throw refuse(
            "ERR_HOST_KEY_UNKNOWN",
            key,
            `is not in ${where}: compare the fingerprint with the one that the server's administrator gives you`,
          );
      }
    },
  };
}

function mismatch(host: string, port: number, key: PublicKey): TransferError {
  return failure("ERR_HOST_KEY_MISMATCH", host, port, key, "is not the one that was asked for");
}

function failure(code: string, host: string, port: number, key: PublicKey, what: string): TransferError {
  const fingerprint = key.fingerprint();
  return new TransferError(
    code,
    `the host key of ${formatAddress(host, port)} (${key.type} ${fingerprint}) ${what}`,
    {
      details: { host, port, type: key.type, fingerprint },
    },
  );
}
