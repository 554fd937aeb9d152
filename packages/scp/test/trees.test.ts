import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { download, upload } from "@waybill/scp";
import { describeWithPeers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { makeTree, scpPeer, snapshot } from "./file-trees.js";
import { SpawnExecutor } from "./spawn-executor.js";

describeWithPeers("trees against OpenSSH's scp", [scpPeer], () => {
  let folder: TemporaryFolder;
  let server: SpawnExecutor;

  beforeEach(async () => {
    folder = await temporaryFolder();
    await mkdir(join(folder.path, "home"));
    server = new SpawnExecutor(join(folder.path, "home"));
  });

  afterEach(async () => {
    await server.idle();
    await folder.remove();
  });

  test("a thousand files with odd names go up and come back with times and modes", async () => {
    const source = join(folder.path, "source");
    await makeTree(source, 1000);
    const expected = await snapshot(source);

    const sent = await upload(server, source, "there", { recursive: true, preserve: true });
    expect(sent.files.filter((file) => !file.ok)).toEqual([]);
    expect(sent.files).toHaveLength(1000);
    expect(await snapshot(join(folder.path, "home", "there"))).toEqual(expected);

    const received = await download(server, "there", join(folder.path, "back"), {
      recursive: true,
      preserve: true,
    });
    expect(received.files.filter((file) => !file.ok)).toEqual([]);
    expect(received.files).toHaveLength(1000);
    expect(await snapshot(join(folder.path, "back"))).toEqual(expected);
  });
});
