import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { describeWithPeers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { dropbearPrograms, startDropbearServer } from "../src/dropbear-server.js";
import { scpTransferTests } from "../src/scp-transfer-tests.js";
import type { SshPeer } from "../src/ssh-peer.js";
import { remote, scp } from "../src/waybill-command.js";

const OK = { code: 0, stderr: "" };

describeWithPeers("waybill scp with Dropbear's server", dropbearPrograms, () => {
  scpTransferTests(startDropbearServer);

  describe("the user's home folder", () => {
    let server: SshPeer;
    let folder: TemporaryFolder;
    const here = (...parts: string[]) => join(folder.path, ...parts);
    const home = (...parts: string[]) => join(server.home ?? "", ...parts);

    const emptyHome = async () => {
      for (const name of await readdir(home()))
        if (name !== ".ssh") await rm(home(name), { recursive: true });
    };

    beforeAll(async () => {
      server = await startDropbearServer();
    });
    afterAll(() => server.stop());
    beforeEach(async () => {
      folder = await temporaryFolder("waybill-scp-");
      await writeFile(here("file"), "content");
    });
    afterEach(() => folder.remove());

    test("is where paths start", async () => {
      const targets = {
        "": "file",
        renamed: "renamed",
        "~/with tilde": "with tilde",
        "~ann/by name": "by name",
        "-o": "-o",
        "./~": "~",
        "in $HOME": "in $HOME",
      };
      for (const [path, name] of Object.entries(targets)) {
        expect(await scp(server, [here("file"), remote(server, path)])).toMatchObject(OK);
        expect(await readFile(home(name), "utf8")).toBe("content");
      }
      await mkdir(here("back"));
      const sources = Object.keys(targets).map((path) => remote(server, path === "" ? "file" : path));
      expect(await scp(server, [...sources, here("back")])).toMatchObject(OK);
      expect((await readdir(here("back"))).sort()).toEqual(Object.values(targets).sort());
    });

    test("is where masks look", async () => {
      await emptyHome();
      await mkdir(home("-r"));
      for (const name of ["-v.csv", "~.csv", "one.csv", "-r/two.csv"]) await writeFile(home(name), name);
      await mkdir(here("back"));
      expect(
        await scp(server, [remote(server, "*.csv"), remote(server, "-r/*"), here("back")]),
      ).toMatchObject(OK);
      expect((await readdir(here("back"))).sort()).toEqual(["-v.csv", "one.csv", "two.csv", "~.csv"]);
      await mkdir(here("all"));
      expect(await scp(server, ["-r", remote(server, "~/*"), here("all")])).toMatchObject(OK);
      expect((await readdir(here("all"))).sort()).toEqual(["-r", "-v.csv", "one.csv", "~.csv"]);
      await mkdir(here("whole"));
      expect(await scp(server, ["-r", remote(server, "~"), here("whole")])).toMatchObject(OK);
      expect((await readdir(here("whole"))).sort()).toEqual(["-r", "-v.csv", ".ssh", "one.csv", "~.csv"]);
    });
  });
});
