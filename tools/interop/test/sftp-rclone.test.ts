import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { expect } from "@jest/globals";
import { rclone, rcloneCommand } from "../src/clients/rclone.js";
import { succeed } from "../src/command.js";
import { describeSftpClient } from "../src/sftp-client-job.js";
import { MIB, makeFile } from "../src/test-files.js";

describeSftpClient(rclone, ({ test, server, served, local }) => {
  test("synchronises trees: new, changed and removed files, and compares what arrived", async () => {
    const { access } = server();
    await mkdir(local("tree/sub"), { recursive: true });
    for (let index = 0; index < 20; index += 1) await writeFile(local(`tree/sub/${index}`), `first ${index}`);
    await makeFile(local("tree/larger"), 5 * MIB);
    const sync = ["sync", local("tree"), ":sftp:/synced"];
    await succeed(await rcloneCommand(access, sync));
    await rm(local("tree/sub/0"));
    await writeFile(local("tree/sub/1"), "second, and longer");
    await succeed(await rcloneCommand(access, sync));
    expect((await readdir(served("synced/sub"))).sort()).toEqual((await readdir(local("tree/sub"))).sort());
    await succeed(await rcloneCommand(access, ["check", "--download", local("tree"), ":sftp:/synced"]));
  });
});
