import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "@jest/globals";
import { findPeer, type Peer } from "./peer-programs.js";

/**
 * Like `describe`, for tests that need other people's programs. When one is missing the suite is skipped and the
 * package to install is noted for the end of the run (`test-results/missing-peers`); with CI=true it fails.
 */
export function describeWithPeers(name: string, needed: readonly Peer[], body: () => void): void {
  const missing = needed.filter((peer) => findPeer(peer) === undefined);
  if (missing.length === 0) {
    describe(name, body);
    return;
  }
  const packages = [...new Set(missing.map((peer) => peer.debianPackage))].join(" ");
  if (process.env.CI === "true") {
    describe(name, () => {
      test("has the programs that it needs", () => {
        throw new Error(`missing programs, install Debian's ${packages}`);
      });
    });
    return;
  }
  mkdirSync("test-results", { recursive: true });
  appendFileSync(join("test-results", "missing-peers"), `${packages}\t${name}\n`);
  describe.skip(`${name} (needs ${packages})`, body);
}
