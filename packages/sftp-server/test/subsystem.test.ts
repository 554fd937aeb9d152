import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createLogger, type LogRecord } from "@waybill/net-core";
import {
  encodeRequest,
  localFileSystem,
  type SftpSubsystemOptions,
  sftpSubsystem,
} from "@waybill/sftp-server";
import type { SshChannel, SshSession } from "@waybill/ssh-core";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { duplexPair } from "./support/duplex-pair.js";
import { openFilesBelow } from "./support/open-files.js";

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(() => folder.remove());

const session = { id: "0123456789abcdef", user: "ann" } as SshSession;
const init = encodeRequest({ kind: "init", version: 3, extensions: [] });

/** The server's end of a channel as ssh-core makes it, the client's end, and the exit codes that were sent. */
function channelPair() {
  const [client, server] = duplexPair();
  const exits: number[] = [];
  const channel = Object.assign(server, {
    session,
    exit: (code: number) => {
      exits.push(code);
      server.end();
    },
  }) as unknown as SshChannel;
  client.on("error", () => {});
  return { client, channel, exits };
}

describe("sftpSubsystem", () => {
  test("serves the file system of the user and exits with 0", async () => {
    const users: string[] = [];
    const records: LogRecord[] = [];
    const handler = sftpSubsystem({
      fileSystem: (who) => {
        users.push(who.user);
        return localFileSystem(folder.path);
      },
      logger: createLogger("info", (record) => records.push(record)),
    });
    const { client, channel, exits } = channelPair();
    const done = handler(channel);
    client.write(
      Buffer.concat([init, encodeRequest({ kind: "open", id: 1, path: "/f", flags: 10, attributes: {} })]),
    );
    client.end();
    client.resume();
    await done;
    expect(users).toEqual(["ann"]);
    expect(exits).toEqual([0]);
    expect(openFilesBelow(folder.path)).toEqual([]);
    expect(records[0]).toMatchObject({
      message: "sftp session started",
      fields: { user: "ann", session: session.id },
    });
    expect(records.at(-1)).toMatchObject({ message: "sftp session ended" });
  });

  test.each<[string, SftpSubsystemOptions["fileSystem"], Buffer]>([
    ["the client breaks the protocol", async () => localFileSystem(folder.path), Buffer.alloc(10, 0xff)],
    ["there is no file system", () => Promise.reject(new Error("no such user folder")), init],
    [
      "making the file system throws",
      () => {
        throw new Error("no such user folder");
      },
      init,
    ],
  ])("exits with 1 when %s", async (_name, fileSystem, bytes) => {
    const { client, channel, exits } = channelPair();
    const done = sftpSubsystem({ fileSystem })(channel);
    client.write(bytes);
    client.resume();
    await done;
    expect(exits).toEqual([1]);
  });

  test("is done when the connection drops", async () => {
    const { client, channel, exits } = channelPair();
    const done = sftpSubsystem({ fileSystem: await localFileSystem(folder.path) })(channel);
    client.write(init);
    client.resume();
    channel.destroy(new Error("ERR_SSH_CONNECTION_LOST"));
    await done;
    expect(exits).toEqual([0]);
  });
});
