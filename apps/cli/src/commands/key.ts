import { type PublicKey, readPublicKey } from "@waybill/cert-store";
import { isTransferError } from "@waybill/net-core";
import type { Command } from "commander";
import { openPrivateKey } from "../private-key-file.js";
import { givenPassword, PASSWORD_VARIABLE } from "../secrets.js";

interface KeyShowOptions {
  readonly passwordFile?: string;
}

export function addKeyCommand(program: Command): void {
  program
    .command("key")
    .description("Look at keys.")
    .command("show <file>")
    .description("Show the type, length, comment and fingerprints of a private or public key in any format.")
    .option(
      "--password-file <file>",
      `take the passphrase from the first line of a file (or from ${PASSWORD_VARIABLE})`,
    )
    .action(async (file: string, options: KeyShowOptions) => {
      const { key, kind } = await openKey(file, options);
      process.stdout.write(`kind         ${kind}\n${describeKey(key)}\n`);
    });
}

async function openKey(file: string, options: KeyShowOptions): Promise<{ key: PublicKey; kind: string }> {
  try {
    return { key: await readPublicKey(file), kind: "public key" };
  } catch (error) {
    if (!isTransferError(error, "ERR_KEY_UNSUPPORTED") && !isTransferError(error, "ERR_KEY_DAMAGED"))
      throw error;
  }
  const key = await openPrivateKey(file, await givenPassword(options.passwordFile));
  return { key: key.publicKey, kind: "private key" };
}

/** A key for a person, one fact a line. */
export function describeKey(key: PublicKey): string {
  const facts: [string, string][] = [
    ["type", key.type],
    ["bits", String(key.bits)],
    ["comment", key.comment || "(none)"],
    ["fingerprint", key.fingerprint("sha256")],
    ["", key.fingerprint("sha1")],
    ["", key.fingerprint("md5")],
    ["hexadecimal", `SHA-256 ${key.fingerprint("sha256", "hex")}`],
    ["", `SHA-1 ${key.fingerprint("sha1", "hex")}`],
    ["", `MD5 ${key.fingerprint("md5", "hex")}`],
  ];
  return facts.map(([name, value]) => `${name.padEnd(12)} ${value}`).join("\n");
}
