import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { isTransferError } from "@waybill/net-core";
import {
  download,
  type ScpDownloadOptions,
  type ScpResult,
  type ScpUploadOptions,
  upload,
} from "@waybill/scp";
import { connectSsh, type SshServer } from "@waybill/ssh-core";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { oneLine } from "../src/one-line.js";
import { ownServerFingerprint, ownServerKey, startOwnServer } from "../src/own-server.js";
import { playScp, type ScpScript, type ScriptedScp } from "../src/scripted-scp.js";
import { runWaybill } from "../src/waybill-command.js";

const END = "\0";

describe("a server that is not what it should be", () => {
  let folder: TemporaryFolder;
  let server: SshServer | undefined;
  const outside = (...parts: string[]) => join(folder.path, ...parts);
  const target = (...parts: string[]) => join(folder.path, "target", ...parts);

  beforeEach(async () => {
    folder = await temporaryFolder("waybill-scp-");
    await mkdir(target());
    await writeFile(outside("precious"), "precious");
  });
  afterEach(async () => {
    await server?.close();
    await folder.remove();
  });

  async function serve(script: ScpScript): Promise<SshServer> {
    server = await startOwnServer({ password: () => true }, playScp(script));
    return server;
  }

  async function connected<T>(
    script: ScpScript,
    use: (client: Awaited<ReturnType<typeof connectSsh>>) => Promise<T>,
  ): Promise<T> {
    const { host, port } = await serve(script);
    const client = await connectSsh({ host, port, user: "ann", password: "x", hostKey: ownServerKey });
    try {
      return await use(client);
    } finally {
      await client.close();
    }
  }

  const receive = (path: string, options: ScpDownloadOptions, script: ScpScript) =>
    connected(script, (client) => download(client, path, target(), options));
  const give = (source: string, options: ScpUploadOptions, script: ScpScript) =>
    connected(script, (client) => upload(client, source, "there", options));

  /** The code of the error that a transfer ends with, or the codes of its failed files. */
  const outcome = (transfer: Promise<ScpResult>) =>
    transfer.then(
      (result) => result.files.map((file) => file.error?.code ?? "ok"),
      (error: unknown) => {
        if (isTransferError(error)) return error.code;
        throw error;
      },
    );

  const expectNothingOutside = async () => {
    expect((await readdir(folder.path)).sort()).toEqual(["precious", "target"]);
    expect(await readFile(outside("precious"), "utf8")).toBe("precious");
  };
  const expectNothing = async () => {
    await expectNothingOutside();
    expect(await readdir(target())).toEqual([]);
  };

  /** A source that says these lines, each after the answer to the one before, whatever it is. */
  const says =
    (...lines: (string | Buffer)[]): ScpScript =>
    async (program) => {
      await program.answer();
      await program.ask(...lines);
    };
  const file = (name: string) => [`C0644 5 ${name}\n`, `evil!${END}`];

  describe("sends what nobody asked for", () => {
    test.each([
      ["a name above the target", "/srv/data.csv", file("../evil")],
      ["an absolute name", "/srv/data.csv", file("/tmp/evil")],
      ["another name", "/srv/data.csv", file("other.csv")],
      ["the target itself", "/srv/data.csv", file(".")],
      ["the folder above", "/srv/data.csv", file("..")],
      ["a folder", "/srv/data.csv", ["D0755 0 data.csv\n", ...file("evil"), "E\n"]],
      ["a name that the mask does not match", "/srv/*.csv", file("evil.sh")],
      ["a hidden name, without a dot in the mask", "/srv/*.csv", file(".evil.csv")],
    ])("%s", async (_what, path, lines) => {
      expect(await outcome(receive(path, {}, says(...lines)))).toBe("ERR_SCP_UNASKED");
      await expectNothing();
    });

    test("a path that the mask matches", async () => {
      const script = says(...file("evil/evil.csv"));
      expect(await outcome(receive("/srv/*.csv", {}, script))).toBe("ERR_SCP_UNSAFE_NAME");
      await expectNothing();
    });

    test.each([
      ["above the target", file("../evil")],
      ["absolute", file("/tmp/evil")],
      ["in a folder", file("inner/evil")],
      ["of the folder itself", file(".")],
      ["of the folder above", file("..")],
      ["with NUL in it", file("evil\0")],
      ["of a folder above", ["D0755 0 ..\n", ...file("evil"), "E\n"]],
      ["of the folder that it is in", ["D0755 0 .\n", ...file("evil"), "E\n"]],
      ["of a folder further above", ["D0755 0 ../..\n", ...file("evil"), "E\n"]],
    ])("in a tree, a name %s", async (_what, lines) => {
      const script = says("D0755 0 tree\n", ...lines, "E\n");
      expect(await outcome(receive("tree", { recursive: true }, script))).toBe("ERR_SCP_UNSAFE_NAME");
      await expectNothingOutside();
      expect(await readdir(target(), { recursive: true })).toEqual(["tree"]);
    });

    test("a second file after the one that was asked for, which stays", async () => {
      const script = says(...file("data.csv"), ...file(".bashrc"));
      expect(await outcome(receive("data.csv", {}, script))).toBe("ERR_SCP_UNASKED");
      await expectNothingOutside();
      expect(await readdir(target())).toEqual(["data.csv"]);
    });

    test("setuid, setgid and sticky bits, which nothing gets", async () => {
      const script = says("D7777 0 tree\n", "C6755 5 file\n", `evil!${END}`, "E\n");
      const options = { recursive: true, preserve: true };
      expect(await outcome(receive("tree", options, script))).toEqual(["ok"]);
      expect((await stat(target("tree"))).mode & 0o7777).toBe(0o777);
      expect((await stat(target("tree", "file"))).mode & 0o7777).toBe(0o755);
    });

    test("what would go through links that lead out: they are replaced, or not followed", async () => {
      await mkdir(outside("target", "tree"));
      await symlink("../..", target("tree", "up"));
      await symlink("../../precious", target("tree", "file"));
      const script = says("D0755 0 tree\n", ...file("file"), "D0755 0 up\n", "E\n");
      const result = await outcome(receive("tree", { recursive: true }, script));
      expect(result).toEqual(["ok", "ERR_SCP_UNSAFE_TARGET"]);
      await expectNothingOutside();
      expect(await readFile(target("tree", "file"), "utf8")).toBe("evil!");
    });
  });

  describe("does not keep to the protocol", () => {
    const WRONG: [what: string, lines: (string | Buffer)[]][] = [
      ["a size below zero", ["C0644 -5 data.csv\n"]],
      ["a size beyond all numbers", ["C0644 99999999999999999999 data.csv\n"]],
      ["a size that is none", ["C0644 0x5 data.csv\n"]],
      ["no name", ["C0644 5 \n"]],
      ["a mode that is none", ["C0999 5 data.csv\n"]],
      ["a short mode", ["C44 5 data.csv\n"]],
      ["half of the times", ["T1 0 1\n"]],
      ["times beyond all numbers", ["T99999999999999999999 0 1 0\n"]],
      ["the end of a folder that never began", ["E\n"]],
      ["something else", ["HTTP/1.1 400 Bad Request\n"]],
      ["bytes at random", [Buffer.from([0xff, 0x00, 0x80, 0x0a])]],
      ["more than it announced", ["C0644 5 data.csv\n", `evil! and more${END}`]],
      ["no status after a file", ["C0644 5 data.csv\n", "evil!C0644 5 data.csv\n"]],
    ];
    test.each(WRONG)("%s", async (_what, lines) => {
      const options = { recursive: true, preserve: true };
      expect(await outcome(receive("data.csv", options, says(...lines)))).toBe("ERR_SCP_PROTOCOL");
      await expectNothing();
    });

    test.each(["C0644 5 ", "T", "\u0001", "\u0002", "x"])(
      "a line that begins with %j and never ends",
      async (start) => {
        const script: ScpScript = async (program) => {
          await program.send(start);
          await program.flood(Buffer.alloc(65_536, "a"));
        };
        expect(await outcome(receive("data.csv", {}, script))).toBe("ERR_SCP_PROTOCOL");
        await expectNothing();
      },
    );

    test("warnings without end", async () => {
      const script: ScpScript = (program) => program.flood("\u0001scp: no\n".repeat(1000));
      expect(await outcome(receive("*.csv", { maxEntries: 5000 }, script))).toBe("ERR_SCP_LIMIT");
      await expectNothing();
    });

    test("files without end", async () => {
      const script: ScpScript = async (program) => {
        await program.answer();
        for (let index = 0; ; index++) {
          if (!(await program.send(`C0644 0 ${index}.csv\n`))) return;
          await program.answer();
          await program.send(END);
          await program.answer();
        }
      };
      expect(await outcome(receive("*.csv", { maxEntries: 50 }, script))).toBe("ERR_SCP_LIMIT");
      await expectNothingOutside();
    });

    test("folders in folders without end", async () => {
      const script: ScpScript = async (program) => {
        await program.answer();
        await program.ask("D0755 0 tree\n");
        while (await program.send("D0755 0 d\n")) await program.answer();
      };
      const result = await outcome(receive("tree", { recursive: true, maxEntries: 300 }, script));
      expect(result).toBe("ERR_SCP_LIMIT");
      await expectNothingOutside();
    });
  });

  describe("fails", () => {
    test.each([
      ["a warning", "\u0001scp: data.csv: Permission denied\n", "ERR_SCP_REMOTE_WARNING"],
      ["a fatal error", "\u0002scp: out of memory\n", "ERR_SCP_REMOTE_FATAL"],
    ])(
      "with %s: its text is in the error, and no more of it than can be shown",
      async (_what, line, code) => {
        const script: ScpScript = async (program) => {
          await program.answer();
          await program.send(line.replace("scp:", "scp: \u001b]0;evil\u0007"));
        };
        const error = await receive("data.csv", {}, script).catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code });
        expect(String(error)).toMatch(/Permission denied|out of memory/);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
        expect(String(error)).not.toMatch(/[\u0000-\u001f]/);
        await expectNothing();
      },
    );

    test.each<[what: string, body: string, code: string]>([
      ["a warning after the content", "half!\u0001scp: data.csv: I/O error\n", "ERR_SCP_REMOTE_WARNING"],
      ["a fatal error after the content", "half!\u0002scp: disk is gone\n", "ERR_SCP_REMOTE_FATAL"],
      ["its end before the content's", "hal", "ERR_SCP_ENDED"],
      ["its end before the status", "half!", "ERR_SCP_ENDED"],
    ])("with %s: no half file", async (_what, body, code) => {
      const script: ScpScript = async (program) => {
        await program.answer();
        await program.ask("C0644 5 data.csv\n");
        await program.send(body);
      };
      expect(await outcome(receive("data.csv", {}, script))).toBe(code);
      await expectNothing();
    });

    test("by dropping the connection: no half file, and no waiting", async () => {
      const script: ScpScript = async (program) => {
        await program.answer();
        await program.ask("C0644 5 data.csv\n");
        await program.send("hal");
        await program.channel.session.close();
      };
      expect(await outcome(receive("data.csv", {}, script))).toBe("ERR_SSH_CONNECTION_LOST");
      await expectNothing();
    });
  });

  describe("hangs", () => {
    const HANGS: [what: string, script: ScpScript][] = [
      ["before it says anything", (program) => program.gone()],
      ["in the middle of a line", (program) => program.send("C0644 5 da").then(() => program.gone())],
      ["before a file's content", (program) => program.send("C0644 5 data.csv\n").then(() => program.gone())],
      ["in a file's content", (program) => program.send("C0644 5 data.csv\nhal").then(() => program.gone())],
      ["before the status", (program) => program.send("C0644 5 data.csv\nhalf!").then(() => program.gone())],
      [
        "after the file",
        (program) => program.send(`C0644 5 data.csv\nhalf!${END}`).then(() => program.gone()),
      ],
      ["while it talks on its standard error", floodStandardError],
    ];
    test.each(HANGS)("%s: the idle timeout ends it", async (what, script) => {
      expect(await outcome(receive("data.csv", { idleTimeoutMs: 300 }, script))).toBe("ERR_SCP_TIMEOUT");
      await expectNothingOutside();
      expect(await readdir(target())).toEqual(what === "after the file" ? ["data.csv"] : []);
    });
  });

  describe("as a sink", () => {
    const SINKS: [what: string, code: string | string[], script: ScpScript][] = [
      ["that gives up at once", "ERR_SCP_REMOTE_FATAL", (program) => program.send("\u0002scp: no\n")],
      ["that ends at once", "ERR_SCP_ENDED", async () => {}],
      ["that speaks something else", "ERR_SCP_PROTOCOL", (program) => program.send("Welcome!\n")],
      ["that answers without end", "ERR_SCP_PROTOCOL", (program) => program.flood(Buffer.alloc(65_536, "a"))],
      ["that never answers", "ERR_SCP_TIMEOUT", (program) => program.gone()],
      [
        "that does not want the file",
        "ERR_SCP_REMOTE_WARNING",
        async (program) => {
          await program.send("\0");
          await program.answer();
          await program.send("\u0001scp: there: Is a directory\n");
          while (await program.answer());
        },
      ],
      [
        "that stops to read",
        "ERR_SCP_TIMEOUT",
        async (program) => {
          await program.send("\0\0");
          await new Promise((resolve) => program.channel.once("close", resolve));
        },
      ],
      [
        "that drops the connection",
        "ERR_SSH_CONNECTION_LOST",
        async (program) => {
          await program.send("\0\0");
          await program.answer();
          await program.channel.session.close();
        },
      ],
    ];
    test.each(SINKS)("%s: %s", async (_what, code, script) => {
      await writeFile(target("large"), Buffer.alloc(16 * 1024 * 1024));
      expect(await outcome(give(target("large"), { idleTimeoutMs: 300 }, script))).toEqual(code);
    });
  });

  test("what it says does not reach the terminal of the command as it is", async () => {
    const evil = "\u001b]0;evil\u0007\u001b[31mred\r";
    const { port } = await serve(async (program) => {
      await program.answer();
      await program.ask("D0755 0 tree\n", ...file(`${evil}name`));
      await program.send(`\u0001scp: ${evil}warning\n`);
      await program.ask("E\n");
    });
    const login = ["-P", String(port), "--host-key-fingerprint", ownServerFingerprint];
    const { code, stdout, stderr } = await runWaybill(
      ["scp", ...login, "-r", "ann@127.0.0.1:tree", target()],
      { env: { WAYBILL_PASSWORD: "x" } },
    );
    expect(code).toBe(1);
    expect(oneLine(stdout)).toContain("redname".slice(-4));
    expect(oneLine(stderr)).toContain("warning");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(await readdir(target("tree"))).toEqual([`${evil}name`]);
  });
});

/** Talks, but says nothing of the protocol. */
async function floodStandardError(program: ScriptedScp): Promise<void> {
  const { channel } = program;
  const text = Buffer.alloc(4096, "noise ");
  const write = () => {
    while (!channel.destroyed && channel.stderr.write(text));
  };
  channel.stderr.on("drain", write);
  write();
  await program.gone();
}
