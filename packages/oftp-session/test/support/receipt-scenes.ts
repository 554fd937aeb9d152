import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect } from "@jest/globals";
import type { KeyPairOptions } from "@waybill/cert-store";
import type { FileSecurityWishes, PartnerSecurity, StateStore } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { cutPair } from "./cut-pair.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { openSecure, type SecureSide, type SecureStation, sealedFilesOf } from "./receipt-pair.js";

export const SEALED: FileSecurityWishes = { sign: true, encrypt: true, compress: true, signedReceipt: true };

/** A file takes many exchange buffers, and many turns for credit. */
export const SMALL = { bufferSize: 4096, credit: 4 };

/** The stations `here` and `there`, which know each other's certificates, in a new folder for each test. */
export interface ReceiptScenes {
  /** A path in the folder, which has a folder `files` in it. */
  at(...names: string[]): string;
  /** Takes a new folder within a test. */
  begin(): Promise<void>;
  /** How the two are opened. `security`, `theirs`: what `here` and `there` say of the other one. */
  sides(security?: PartnerSecurity, theirs?: PartnerSecurity): readonly [here: SecureSide, there: SecureSide];
  /** Opens both with small buffers; without `newStore` again and again, with what they remember in the folder. */
  openBoth(
    security?: PartnerSecurity,
    newStore?: () => StateStore,
  ): Promise<readonly [here: SecureStation, there: SecureStation]>;
  /** See `sealedFilesOf`; of `here` if a test does not say whose. */
  sealedFiles(name?: string): Promise<readonly string[]>;
}

/** For the tests of the file that calls it. `prefix`: of the folder's name; `key`: that of `there`, `here` has one for RSA. */
export function receiptScenes(prefix: string, key: KeyPairOptions = { type: "ec" }): ReceiptScenes {
  let root: TemporaryFolder;
  let here: TestIdentity;
  let there: TestIdentity;
  let run = 0;
  const at = (...names: string[]) => join(root.path, String(run), ...names);
  const begin = async () => {
    run += 1;
    await mkdir(at("files"), { recursive: true });
  };
  const sides = (security: PartnerSecurity = {}, theirs: PartnerSecurity = {}) =>
    [
      { name: "here", folder: at("here"), identity: here, security },
      { name: "there", folder: at("there"), identity: there, security: theirs },
    ] as const;

  beforeAll(async () => {
    root = await temporaryFolder(prefix);
    [here, there] = await Promise.all([newIdentity("here"), newIdentity("there", key)]);
  });
  afterAll(() => root.remove());
  beforeEach(begin);

  return {
    at,
    begin,
    sides,
    async openBoth(security, newStore) {
      const [first, second] = sides(security);
      const options = () => (newStore === undefined ? SMALL : { ...SMALL, store: newStore() });
      return [await openSecure(first, second, options()), await openSecure(second, first, options())];
    },
    sealedFiles: (name = "here") => sealedFilesOf({ folder: at(name) }),
  };
}

/** A session that `caller` begins, and that breaks after so many octets of it. Resolves to whether it came to that. */
export async function cutSession(
  caller: SecureStation,
  called: SecureStation,
  octets: number,
): Promise<boolean> {
  const pair = await cutPair("near", octets);
  const sessions = [called.station.answer(pair.far), caller.station.initiate(caller.partner, pair.near)];
  const ends = await Promise.all(sessions.map(({ ended }) => ended));
  if (!pair.wasCut) expect(ends).toEqual([{ error: undefined }, { error: undefined }]);
  return pair.wasCut;
}
