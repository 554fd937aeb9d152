import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createSelfSignedCertificate, generateKeyPair, type SoftwarePrivateKey } from "@waybill/cert-store";
import { type Listener, listen } from "@waybill/net-core";
import type { Auch, Aurp, Command, Eerp } from "@waybill/oftp-codec";
import { memoryStateStore, OftpStation, type OwnIdentity, partnerDirectory } from "@waybill/oftp-session";
import {
  describeWithPeers,
  peerPath,
  peers,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";

const CONTENT = Buffer.from("production schedule\n".repeat(5000));

/** What one transfer leaves for OpenSSL to judge. */
interface Evidence {
  readonly sealedPath: string;
  readonly eerp: Eerp;
  /** What each side was asked, and what it answered. */
  readonly challenges: readonly Auch[];
  readonly answers: readonly Aurp[];
}

describeWithPeers("what stations say to each other, judged by OpenSSL", [peers.openssl], () => {
  let folder: TemporaryFolder;
  const identities: Record<string, OwnIdentity> = {};
  const at = (...names: string[]) => join(folder.path, ...names);

  beforeAll(async () => {
    folder = await temporaryFolder("waybill-oftp-openssl-");
    for (const name of ["acme", "zulu"]) {
      const key: SoftwarePrivateKey = await generateKeyPair({ type: "rsa", bits: 2048 });
      const certificate = await createSelfSignedCertificate({ subject: `CN=${name}`, key });
      identities[name] = { certificate, key };
      await writeFile(at(`${name}.pem`), certificate.pem);
      const pem = key.keyObject.export({ format: "pem", type: "pkcs8" });
      await writeFile(at(`${name}.key`), pem, { mode: 0o600 });
    }
  }, 60_000);
  afterAll(() => folder?.remove());

  async function openStation(name: string, other: string, port?: number): Promise<OftpStation> {
    await mkdir(at(name), { recursive: true });
    const partner = {
      name: other,
      ssid: `O0013${other.toUpperCase()}`,
      password: "SECRET",
      certificates: [{ certificate: identities[other]!.certificate }],
      secureAuthentication: "required" as const,
      ...(port === undefined ? {} : { address: { host: "127.0.0.1", port } }),
    };
    return OftpStation.open({
      ssid: `O0013${name.toUpperCase()}`,
      password: "SECRET",
      identities: [identities[name]!],
      partners: partnerDirectory([partner]),
      inbox: at(name, "inbox"),
      work: at(name, "state"),
      store: memoryStateStore(),
    });
  }

  async function transfer(cipherSuite: number): Promise<Evidence> {
    const zulu = await openStation("zulu", "acme");
    const listener: Listener = await listen({ port: 0 }, (socket) => void zulu.answer(socket));
    const acme = await openStation("acme", "zulu", listener.port);
    const seen: Command[] = [];
    acme.on("trail", ({ entry }) => {
      if (entry.command !== undefined && entry.command.kind !== "DATA")
        seen.push(structuredClone(entry.command));
    });
    await writeFile(at("schedule"), CONTENT);
    const security = { sign: true, encrypt: true, signedReceipt: true, cipherSuite };
    const queued = await acme.send("zulu", {
      path: at("schedule"),
      datasetName: `SUITE.${cipherSuite}`,
      security,
    });
    await copyFile(queued.transmitted!.path!, at("sealed"));
    const { error } = await (await acme.call("zulu")).ended;
    await listener.close();
    if (error !== undefined) throw error;
    expect((await acme.sent()).map(({ state }) => state)).toEqual(["acknowledged"]);
    const ofKind = <K extends Command["kind"]>(kind: K) =>
      seen.filter((command): command is Extract<Command, { kind: K }> => command.kind === kind);
    return {
      sealedPath: at("sealed"),
      eerp: ofKind("EERP")[0]!,
      challenges: ofKind("AUCH"),
      answers: ofKind("AURP"),
    };
  }

  async function cms(...args: string[]): Promise<void> {
    const { code, stderr } = await runProgram(peerPath(peers.openssl), [
      "cms",
      ...args,
      "-inform",
      "DER",
      "-binary",
    ]);
    if (code !== 0) throw new Error(`openssl cms ${args[0]} failed: ${stderr}`);
  }

  const decrypt = (name: string, from: string, to: string) =>
    cms("-decrypt", "-in", from, "-out", to, "-recip", at(`${name}.pem`), "-inkey", at(`${name}.key`));

  const verify = (name: string, from: string, to: string) =>
    cms("-verify", "-in", from, "-out", to, "-certfile", at(`${name}.pem`), "-CAfile", at(`${name}.pem`));

  test.each([
    [4, "sha256"],
    [6, "sha512"],
    [9, "sha512"],
  ])("cipher suite %i: file, receipt and challenges", async (cipherSuite, hash) => {
    const { sealedPath, eerp, challenges, answers } = await transfer(cipherSuite);

    await decrypt("zulu", sealedPath, at("signed"));
    await verify("acme", at("signed"), at("content"));
    expect((await readFile(at("content"))).equals(CONTENT)).toBe(true);

    await writeFile(at("receipt"), eerp.signature);
    await verify("zulu", at("receipt"), at("receipt.content"));
    const transmitted = createHash(hash)
      .update(await readFile(sealedPath))
      .digest();
    expect(Buffer.from(eerp.hash).equals(transmitted)).toBe(true);
    const { datasetName, timestamp, destination, originator } = eerp;
    const fields = [
      datasetName.padEnd(26),
      timestamp.date,
      timestamp.time,
      destination.padEnd(25),
      originator.padEnd(25),
    ];
    const signed = Buffer.concat([Buffer.from(fields.join(""), "latin1"), transmitted]);
    expect((await readFile(at("receipt.content"))).equals(signed)).toBe(true);

    // The responder is asked by the initiator, and the other way round (RFC 5024 section 4.2.3).
    expect([challenges.length, answers.length]).toEqual([2, 2]);
    const decrypted: Buffer[] = [];
    for (const { challenge } of challenges) {
      await writeFile(at("challenge"), challenge);
      const owner = await Promise.any(
        ["acme", "zulu"].map(async (name) => {
          await decrypt(name, at("challenge"), at(`challenge.${name}`));
          return name;
        }),
      );
      decrypted.push(await readFile(at(`challenge.${owner}`)));
    }
    const inOrder = (octets: readonly Uint8Array[]) =>
      octets.map((each) => Buffer.from(each).toString("hex"));
    expect(inOrder(decrypted)).toEqual(inOrder(answers.map(({ response }) => response)));
  });
});
