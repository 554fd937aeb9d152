import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, jest, test } from "@jest/globals";
import { describeWithPeers, readmeErrorCodes, readmeExample, temporaryFolder } from "@waybill/testing";
import { scpPeer } from "./file-trees.js";
import { SpawnExecutor } from "./spawn-executor.js";

test("the README's example is the file that runs below", async () => {
  const { inReadme, inFile } = await readmeExample(import.meta.url);
  expect(inReadme).toBe(inFile);
});

test("the README's table has every error code of the sources, and no other", async () => {
  const { listed, raised } = await readmeErrorCodes(import.meta.url);
  expect(listed).toEqual(raised.filter((code) => code.startsWith("ERR_SCP_")));
});

describeWithPeers("the README's example", [scpPeer], () => {
  test("sends and fetches what it says", async () => {
    const folder = await temporaryFolder();
    const server = new SpawnExecutor(folder.path);
    // The server's `/data` is a folder of this test.
    const exec = (command: string) => server.exec(command.replaceAll("/data/", `${folder.path}/data/`));
    jest.unstable_mockModule("@waybill/ssh-core", () => ({
      connectSsh: async () => ({ exec, close: () => server.idle() }),
    }));
    const print = jest.spyOn(process.stdout, "write").mockReturnValue(true);
    try {
      for (const path of ["data/in box", "data/out box", "local/orders", "local/invoices"])
        await mkdir(join(folder.path, path), { recursive: true });
      await writeFile(join(folder.path, "local/orders/1.xml"), "<order/>");
      await writeFile(join(folder.path, "data/out box/a.xml"), "<invoice/>");
      await writeFile(join(folder.path, "data/out box/z.xml"), "<invoice/>");
      const { exchange } = await import("./readme-example.js");
      const result = await exchange({ host: "files.example", user: "ann" }, join(folder.path, "local"));
      expect(result).toMatchObject({ failed: 0, bytes: 10 });
      expect(await readdir(join(folder.path, "data/in box"))).toEqual(["1.xml"]);
      expect(await readdir(join(folder.path, "local/invoices"))).toEqual(["a.xml"]);
      expect(print).toHaveBeenCalledWith("/data/out box/a.xml 100 %\n");
    } finally {
      print.mockRestore();
      await folder.remove();
    }
  });
});
