import { connect } from "node:net";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { decodeReply, encodeRequest, FrameSplitter } from "@waybill/sftp-server";
import { readmeExample, temporaryFolder } from "@waybill/testing";
import { serveFolder } from "./readme-example.js";

test("the README shows this example", async () => {
  const { inReadme, inFile } = await readmeExample(import.meta.url);
  expect(inReadme).toBe(inFile);
});

test("the example serves a folder", async () => {
  const folder = await temporaryFolder();
  const server = await serveFolder(folder.path, join(folder.path, "socket"));
  await new Promise<void>((resolve) => (server.listening ? resolve() : server.once("listening", resolve)));
  const socket = connect(join(folder.path, "socket"));
  socket.write(encodeRequest({ kind: "init", version: 3, extensions: [] }));
  socket.end(encodeRequest({ kind: "realpath", id: 1, path: "." }));
  const splitter = new FrameSplitter(10_000);
  for await (const chunk of socket) splitter.push(chunk as Buffer);
  const replies = [splitter.next(), splitter.next()].map((packet) =>
    decodeReply(Buffer.concat(packet ?? [])),
  );
  expect(replies).toMatchObject([
    { kind: "version", version: 3 },
    { kind: "name", id: 1, names: [{ name: "/" }] },
  ]);
  await new Promise((resolve) => server.close(resolve));
  await folder.remove();
});
