import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { findPeer, peerFingerprint, peerPath, type TemporaryFolder, temporaryFolder } from "@waybill/testing";

const peer = { program: "a-peer-of-this-test", debianPackage: "a-package" };
const path = process.env.PATH;
let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await temporaryFolder();
  process.env.PATH = `${folder.path}:${path}`;
});
afterEach(async () => {
  process.env.PATH = path;
  await folder.remove();
});

describe("peers", () => {
  test("are found on the PATH", async () => {
    expect(findPeer(peer)).toBeUndefined();
    expect(() => peerPath(peer)).toThrow("a-peer-of-this-test is missing: install Debian's a-package");
    await writeFile(join(folder.path, peer.program), "");
    expect(findPeer(peer)).toBe(join(folder.path, peer.program));
  });

  test("have a fingerprint that changes when one is installed, replaced or removed", async () => {
    const missing = peerFingerprint([peer]);
    expect(peerFingerprint([peer])).toBe(missing);
    await writeFile(join(folder.path, peer.program), "");
    const installed = peerFingerprint([peer]);
    await utimes(join(folder.path, peer.program), 1, 1);
    const replaced = peerFingerprint([peer]);
    expect(new Set([missing, installed, replaced]).size).toBe(3);
  });
});
