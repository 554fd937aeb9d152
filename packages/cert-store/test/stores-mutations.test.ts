import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type CertificateStore, openStore } from "@waybill/cert-store";
import { isTransferError } from "@waybill/net-core";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import fc from "fast-check";
import { edits, MUTATIONS, mutate } from "./mutations.js";
import { type Corpus, MUTATED_FORMATS, makeCorpus } from "./store-corpora.js";
import { makePki, type TestPki } from "./store-fixtures.js";

/** Reads a store and looks at everything in it. Throws what is no error of a store. */
async function tryStore(
  data: Uint8Array,
  password: string | undefined,
): Promise<CertificateStore | undefined> {
  try {
    const store = await openStore({ data, fileName: "hostile" }, { password });
    for (const entry of store.entries) {
      if (entry.chain.length > 0 !== (entry.certificate !== undefined))
        throw new Error("a chain without a certificate");
      if (entry.privateKey !== undefined && entry.keyProblem !== undefined)
        throw new Error("a key and a problem");
      entry.publicKey?.fingerprint();
    }
    return store;
  } catch (error) {
    if (!isTransferError(error) || !/^ERR_STORE_(?:DAMAGED|UNSUPPORTED|PASSWORD_\w+)$/.test(error.code))
      throw error;
    expect(error.message).toMatch(/^hostile: /);
    return undefined;
  }
}

describeWithPeers("stores with changes", [peers.openssl, peers.puttygen, peers.sshKeygen], () => {
  let folder: TemporaryFolder;
  let pki: TestPki;
  beforeAll(async () => {
    folder = await temporaryFolder();
    pki = await makePki(folder.path);
  });
  afterAll(() => folder.remove());

  const wayOf = ({ ways = [mutate] }: Corpus, index: number) => ways[index % ways.length] ?? mutate;

  test.each(MUTATED_FORMATS)(
    `%s: ${MUTATIONS} times a value or an error that says what is wrong`,
    async (format) => {
      const corpus = await makeCorpus(format, pki);
      const { files, passwords = [undefined] } = corpus;
      // Without a change every file must be read, or what is tried would end at its first lines.
      for (const [index, file] of files.entries()) {
        for (const way of corpus.ways ?? [mutate]) {
          const store = await tryStore(way(file, []), passwords[index % passwords.length]);
          expect(store?.entries.length).toBeGreaterThan(0);
        }
      }
      const pick = fc.nat({ max: 1000 });
      await fc.assert(
        fc.asyncProperty(pick, pick, edits, async (index, way, changes) => {
          const file = files[index % files.length] ?? Buffer.alloc(0);
          await tryStore(wayOf(corpus, way)(file, changes), passwords[index % passwords.length]);
        }),
        { numRuns: MUTATIONS },
      );
    },
    1_200_000,
  );
});
