import { mkdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { expect } from "@jest/globals";
import { lftp, lftpCommand } from "../src/clients/lftp.js";
import { succeed } from "../src/command.js";
import { describeSftpClient } from "../src/sftp-client-job.js";

describeSftpClient(lftp, ({ test, server, served, local }) => {
  test("mirrors a tree with links and modes, up and down", async () => {
    await mkdir(local("tree/sub folder"), { recursive: true });
    await writeFile(local("tree/sub folder/file ü"), "content", { mode: 0o640 });
    await symlink("sub folder/file ü", local("tree/link"));
    await succeed(lftpCommand(server().access, `mirror -R "${local("tree")}" /mirrored`));
    await succeed(lftpCommand(server().access, `mirror /mirrored "${local("back")}"`));
    for (const tree of [served("mirrored"), local("back")]) {
      expect(await readFile(`${tree}/sub folder/file ü`, "utf8")).toBe("content");
      expect((await stat(`${tree}/sub folder/file ü`)).mode & 0o777).toBe(0o640);
      expect(await readlink(`${tree}/link`)).toBe("sub folder/file ü");
    }
  });
});
