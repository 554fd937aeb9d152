import { chmod, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { MAIN, startProgram } from "./waybill-command.js";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

test("the README's example runs as it stands", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const example = /```sh example\n(.*?)```/s.exec(readme)?.[1] ?? "";
  const command = join(folder.path, "waybill");
  await writeFile(command, `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
  await chmod(command, 0o755);
  // The last command of the example goes on: it takes the place of the shell, so that it gets the signal.
  const script = example.replace(/^waybill sftp-server/m, "exec waybill sftp-server");
  const server = await startProgram("sh", ["-ec", script], /^listening on/, folder.path, {
    PATH: `${folder.path}${delimiter}${process.env.PATH}`,
  });
  expect(server.lines.join("\n")).toMatch(
    /type +ssh-ed25519.*listening on 127\.0\.0\.1:\d+ \(host key SHA256:/s,
  );
  expect(await server.stop()).toBe(0);
});
