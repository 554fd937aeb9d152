import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { openStore, openSystemStore } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { expectLeaf, makePkcs12, makePki, openssl, PASSWORD, type TestPki } from "./store-fixtures.js";

describeWithPeers("stores that are not one file", [peers.openssl], () => {
  let folder: TemporaryFolder;
  let pki: TestPki;
  beforeAll(async () => {
    folder = await temporaryFolder();
    await mkdir(`${folder.path}/pki`);
    pki = await makePki(`${folder.path}/pki`);
  });
  afterAll(() => folder.remove());

  const copy = async (name: string, to: string) => writeFile(to, await pki.read(name));

  describe("a folder", () => {
    test("keys find their certificates in other files, what cannot be read is a problem", async () => {
      const path = `${folder.path}/partners`;
      await mkdir(`${path}/inside`, { recursive: true });
      for (const name of ["middle.pem", "p256.key", "p256.pem", "root.pem"])
        await copy(name, `${path}/${name}`);
      await copy("ed25519.pem", `${path}/inside/ed25519.pem`);
      await writeFile(
        `${path}/store.p12`,
        await pki.read(
          (await makePkcs12(pki, "rsa", "store.p12", ["-passout", `pass:${PASSWORD}`])).slice(-9),
        ),
      );
      await writeFile(`${path}/notes.txt`, "ask Ann");
      await writeFile(`${path}/.hidden`, "ask Bob");
      await writeFile(`${path}/damaged.cer`, (await pki.read("p384.pem")).subarray(0, 200));
      await symlink(`${path}/root.pem`, `${path}/zz-link.pem`);
      await symlink("/dev/zero", `${path}/zz-zero.pem`);
      await symlink(`${path}/nothing`, `${path}/zz-dangling.pem`);
      const store = await openStore({ path }, { password: PASSWORD });
      expect(store).toMatchObject({ format: "folder", fileName: path });
      expect(store.problems.map((problem) => problem.message.slice(path.length + 1))).toEqual([
        expect.stringMatching(/^damaged\.cer: /),
        expect.stringMatching(/^notes\.txt: it is in no known format/),
      ]);
      const find = (subject: string) =>
        store.entries.find((entry) => entry.certificate?.subject.text === subject)!;
      await expectLeaf(find("O=Leaf,CN=p256"), "p256", pki);
      expect(find("O=Leaf,CN=p256").fileName).toBe(`${path}/p256.pem`);
      await expectLeaf(find("O=Leaf,CN=rsa"), "rsa", pki);
      expect(store.entries.some((entry) => entry.certificate?.subject.text === "O=Leaf,CN=ed25519")).toBe(
        false,
      );
    });

    test("an empty one, and formats that do not fit", async () => {
      const path = `${folder.path}/empty`;
      await mkdir(path);
      expect(await openStore({ path })).toMatchObject({ format: "folder", entries: [], problems: [] });
      await expect(openStore({ path }, { format: "pkcs12" })).rejects.toMatchObject({
        code: "ERR_STORE_OPTIONS",
      });
      await expect(openStore({ path: pki.path("root.pem") }, { format: "folder" })).rejects.toMatchObject({
        code: "ERR_STORE_OPTIONS",
      });
    });
  });

  describe("a file", () => {
    test("that is not there or cannot be read", async () => {
      for (const path of [`${folder.path}/nothing.p12`, `${pki.path("root.pem")}/x`]) {
        await expect(openStore({ path })).rejects.toMatchObject({
          code: "ERR_STORE_NOT_FOUND",
          message: `${path}: there is no such file or folder`,
        });
      }
      await expect(openStore({ path: `${folder.path}/a\0b` })).rejects.toMatchObject({
        code: "ERR_STORE_UNREADABLE",
      });
    });

    test("of 2 GiB, or without end, is refused at once", async () => {
      const path = `${folder.path}/large.pem`;
      await copy("root.pem", path);
      await truncate(path, 2 * 1024 ** 3);
      const before = process.memoryUsage().rss;
      const started = performance.now();
      for (const large of [path, "/dev/zero"]) {
        await expect(openStore({ path: large })).rejects.toMatchObject({
          code: "ERR_STORE_UNSUPPORTED",
          message: expect.stringMatching(/bytes are more than a store may have/),
        });
      }
      expect(performance.now() - started).toBeLessThan(2000);
      expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
    });
  });

  describe("the system's trust store", () => {
    test("what the variables of OpenSSL name", async () => {
      const hashed = `${folder.path}/hashed`;
      await mkdir(hashed);
      const hash = (await openssl("x509", "-hash", "-noout", "-in", pki.path("middle.pem"))).trim();
      await copy("middle.pem", `${hashed}/${hash}.0`);
      await copy("p256.pem", `${hashed}/not-a-hash.pem`);
      const subjects = async (environment: Record<string, string>) =>
        (await openSystemStore(environment)).entries.map((entry) => entry.certificate?.subject.text);
      expect(await subjects({ SSL_CERT_FILE: pki.path("root.pem") })).toEqual(["CN=Test Root"]);
      expect(await subjects({ SSL_CERT_DIR: `${hashed}:` })).toEqual(["CN=Test Middle"]);
      expect(await subjects({ SSL_CERT_FILE: pki.path("root.pem"), SSL_CERT_DIR: hashed })).toEqual([
        "CN=Test Root",
        "CN=Test Middle",
      ]);
      await expect(openSystemStore({ SSL_CERT_FILE: `${hashed}/none` })).rejects.toMatchObject({
        code: "ERR_STORE_NOT_FOUND",
      });
    });

    test("a certificate that cannot be read is a problem", async () => {
      const damaged = (await pki.read("p256.pem")).toString().replace(/\n.{64}\n/, "\n");
      const path = await pki.write("bundle.pem", `${damaged}${await pki.read("root.pem")}`);
      const store = await openSystemStore({ SSL_CERT_FILE: path });
      expect(store.entries.map((entry) => entry.certificate?.subject.text)).toEqual(["CN=Test Root"]);
      expect(store.problems).toEqual([expect.objectContaining({ code: "ERR_STORE_DAMAGED" })]);
    });

    test("the one of this system, or else that of Node.js", async () => {
      const store = await openSystemStore({});
      expect(store.format).toBe("system");
      expect(store.problems).toEqual([]);
      expect(store.entries.length).toBeGreaterThan(20);
      expect(
        store.entries.every((entry) => entry.certificate !== undefined && entry.chain.length === 1),
      ).toBe(true);
      await expect(openStore({ path: "x" }, { format: "system" })).rejects.toMatchObject({
        code: "ERR_STORE_OPTIONS",
      });
      await expect(openStore(undefined)).rejects.toMatchObject({ code: "ERR_STORE_OPTIONS" });
    });
  });
});
