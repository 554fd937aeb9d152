import { mkdir, readdir, readFile, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { TransferError } from "@waybill/net-core";
import { download, downloadToStream, type ScpDownloadOptions, upload } from "@waybill/scp";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import fc from "fast-check";
import { forever, type Program, type Script, ScriptedServer } from "./scripted-server.js";

let folder: TemporaryFolder;
let target: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  target = join(folder.path, "target");
  await mkdir(target);
});

afterEach(() => folder.remove());

/** A source that waits for the client, then sends one file after another, whatever the client says. */
function sends(...lines: string[]): Script {
  return async (program) => {
    await program.read(1);
    // Messages are not answered.
    for (const line of lines) await (line.startsWith("\u0001") ? program.write(line) : program.ask(line));
  };
}

function fetch(script: Script, path = "asked", options: ScpDownloadOptions = {}) {
  return download(new ScriptedServer(script), path, target, options);
}

/** Everything below the test's folder. */
async function written(): Promise<string[]> {
  return (await readdir(folder.path, { recursive: true })).sort();
}

describe("a server that sends what it should not", () => {
  test.each([
    ["another file", "asked", "C0644 1 other\n", "ERR_SCP_UNASKED"],
    ["a dot file for a mask", "*", "C0644 1 .bashrc\n", "ERR_SCP_UNASKED"],
    ["a file that the mask does not match", "*.txt", "C0644 1 a.sh\n", "ERR_SCP_UNASKED"],
    ["a folder, without recursive", "asked", "D0755 0 asked\n", "ERR_SCP_UNASKED"],
    ["a path", "asked", "C0644 1 ../asked\n", "ERR_SCP_UNASKED"],
    ["a path for a mask", "*", "C0644 1 x/../../y\n", "ERR_SCP_UNSAFE_NAME"],
    ["the folder itself", "*", "D0755 0 .\n", "ERR_SCP_UNASKED"],
    ["a file as the contents of a folder", ".", "C0644 1 .\n", "ERR_SCP_UNASKED"],
    ["a name that is no UTF-8 text", "asked", "C0644 1 ask\u00ff\n", "ERR_SCP_UNASKED"],
    ["an end of nothing", "asked", "E\n", "ERR_SCP_PROTOCOL"],
    ["a reply for a line", "asked", "\0\n", "ERR_SCP_PROTOCOL"],
    ["a bad mode", "asked", "C9999 1 asked\n", "ERR_SCP_PROTOCOL"],
    ["a negative size", "asked", "C0644 -1 asked\n", "ERR_SCP_PROTOCOL"],
    ["a size beyond measure", "asked", "C0644 99999999999999999999 asked\n", "ERR_SCP_PROTOCOL"],
    ["times beyond measure", "asked", "T99999999999999999999 0 0 0\n", "ERR_SCP_PROTOCOL"],
    ["a line without end", "asked", `C0644 1 ${"a".repeat(70_000)}`, "ERR_SCP_PROTOCOL"],
    ["the text of a login script", "asked", "Welcome to example.org\n", "ERR_SCP_PROTOCOL"],
    ["a fatal error", "asked", "\u0002scp: no more\n", "ERR_SCP_REMOTE_FATAL"],
  ])("%s", async (_what, path, line, code) => {
    await expect(fetch(sends(line), path)).rejects.toMatchObject({ code });
    expect(await written()).toEqual(["target"]);
  });

  test.each(["..", ".", "a/b", "/etc", "", "a\0b"])("a folder's entry that is called %j", async (name) => {
    for (const line of [`C0644 1 ${name}\n`, `D0755 0 ${name}\n`]) {
      const fetched = fetch(sends("D0755 0 asked\n", line), "asked", { recursive: true });
      await expect(fetched).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_SCP_(UNSAFE_NAME|PROTOCOL)$/),
      });
    }
    expect(await written()).toEqual(["target", "target/asked"]);
  });

  test("a second file after the one that was asked for", async () => {
    const script: Script = async (program) => {
      await program.read(1);
      await program.ask("C0644 1 asked\n");
      await program.ask("x\0");
      await program.ask("C0644 1 asked\n");
    };
    await expect(fetch(script)).rejects.toMatchObject({ code: "ERR_SCP_UNASKED" });
    expect(await written()).toEqual(["target", "target/asked"]);
    await expect(
      downloadToStream(new ScriptedServer(script), "asked", new PassThrough().resume()),
    ).rejects.toMatchObject({
      code: "ERR_SCP_UNASKED",
    });
  });

  test("a file through a link that leads out", async () => {
    await mkdir(join(folder.path, "outside"));
    await symlink("../outside", join(target, "asked"));
    const replies: string[] = [];
    const script: Script = async (program) => {
      await program.read(1);
      replies.push(await program.ask("D0755 0 asked\n"));
    };
    await expect(fetch(script, "asked", { recursive: true })).rejects.toMatchObject({
      code: "ERR_SCP_UNSAFE_TARGET",
    });
    expect(replies).toEqual([expect.stringContaining("\u0001scp: ")]);
    expect(await readdir(join(folder.path, "outside"))).toEqual([]);
  });

  test("folders without end", async () => {
    const script: Script = async (program) => {
      await program.read(1);
      let reply = await program.ask("D0755 0 asked\n");
      while (reply === "\0") reply = await program.ask("D0755 0 d\n");
    };
    const fetched = fetch(script, "asked", { recursive: true });
    await expect(fetched).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_SCP_/) });
  });

  test("entries without end", async () => {
    const script: Script = async (program) => {
      await program.read(1);
      await program.ask("D0755 0 asked\n");
      while ((await program.ask("C0644 0 a\n")) === "\0") await program.ask("\0");
    };
    await expect(fetch(script, "asked", { recursive: true, maxEntries: 50 })).rejects.toMatchObject({
      code: "ERR_SCP_LIMIT",
    });
  });

  test("a message without end", async () => {
    const script: Script = async (program) => {
      await program.read(1);
      await program.write("\u0001scp: this\n");
      for (let line = 0; line < 10_000; line++) await program.write("and that\n");
    };
    await expect(fetch(script)).rejects.toMatchObject({ code: "ERR_SCP_PROTOCOL" });
  });

  test("names of a listing that lead elsewhere", async () => {
    const script: Script = async (program) => {
      if (program.command.includes("find")) return program.write("./..\0./a\n../../b\0\n/x\0./x\\^Jy\0");
      await program.read(1);
      await program.ask("D0755 0 asked\n");
      await program.ask("C0644 1 x\\^Jy\n");
      await program.ask("E\n");
    };
    const fetched = fetch(script, "asked", { recursive: true });
    await expect(fetched).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_SCP_/) });
    expect(await written()).toEqual(["target", "target/asked"]);
  });

  test("control characters reach no message", async () => {
    const failed = fetch(sends("\u0001scp: \u001b[2J\u202eevil\u0007\n"));
    await expect(failed).rejects.toMatchObject({
      code: "ERR_SCP_REMOTE_WARNING",
      message: "the server reports: ?[2J?evil?",
    });
  });

  test("any bytes end in a result or an error, and nothing outside of the target", async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "C0644 1 asked\n",
        "C0644 0 a\n",
        "D0755 0 asked\n",
        "D0755 0 d\n",
        "E\n",
        "T1 0 1 0\n",
        "\0",
        "x\0",
      ),
      fc.constantFrom(
        "\u0001scp: a\\^Jb\n",
        "\u0001no\n",
        "\u0002no\n",
        "C0644 5 a\\^Jb\n",
        "C0777 3 ../x\n",
      ),
      fc.string({ maxLength: 8 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
        const script: Script = async (program) => {
          await program.write(pieces.join(""));
        };
        const fetched = fetch(script, "asked", { recursive: true, idleTimeoutMs: 2000 });
        const outcome = await fetched.then(
          () => "result",
          (error: { code: string }) => error.code,
        );
        expect(outcome).toMatch(/^(result|ERR_SCP_[A-Z_]+)$/);
        expect(outcome).not.toBe("ERR_SCP_TIMEOUT");
      }),
      { numRuns: 300 },
    );
    expect((await written()).filter((path) => !/^target($|\/asked($|\/))/.test(path))).toEqual([]);
    expect((await written()).filter((path) => path.endsWith(".part"))).toEqual([]);
  });
});

describe("a server that breaks off or falls silent", () => {
  const half: Script = async (program) => {
    await program.read(1);
    await program.ask("C0644 1000 asked\n");
    await program.write("half");
  };

  test("in the middle of a file", async () => {
    await expect(fetch(half)).rejects.toMatchObject({
      code: "ERR_SCP_ENDED",
      details: { result: { failed: 1 } },
    });
    expect(await written()).toEqual(["target"]);
  });

  test("before the status of a file, with or without a reason", async () => {
    const ends =
      (code: number): Script =>
      async (program) => {
        await program.read(1);
        await program.ask("C0644 4 asked\n");
        await program.write("half");
        if (code !== 0) program.stderr.write("killed by the operator\n");
        return code;
      };
    await expect(fetch(ends(0))).rejects.toMatchObject({ code: "ERR_SCP_ENDED" });
    await expect(fetch(ends(137))).rejects.toMatchObject({
      code: "ERR_SCP_REMOTE_FAILED",
      details: { exitCode: 137, stderr: "killed by the operator", result: { failed: 1 } },
    });
    expect(await written()).toEqual(["target"]);
  });

  test("after a folder with an entry that was put off: the folder has its mode", async () => {
    const script: Script = async (program) => {
      await program.read(1);
      for (const line of ["D0755 0 asked\n", "D0500 0 sub\n", "C0644 1 a\\^Jb\n", "E\n"])
        await program.ask(line);
    };
    await expect(fetch(script, "asked", { recursive: true })).rejects.toMatchObject({
      code: "ERR_SCP_ENDED",
    });
    expect((await stat(join(target, "asked/sub"))).mode & 0o777).toBe(0o500);
  });

  test("in the middle of a folder, saying why", async () => {
    const script: Script = async (program) => {
      await program.read(1);
      await program.ask("D0755 0 asked\n");
      program.stderr.write("killed by the operator\n");
      return 137;
    };
    await expect(fetch(script, "asked", { recursive: true })).rejects.toMatchObject({
      code: "ERR_SCP_REMOTE_FAILED",
      details: { exitCode: 137, stderr: "killed by the operator" },
    });
  });

  test("without having sent anything", async () => {
    await expect(fetch(async () => 0)).rejects.toMatchObject({ code: "ERR_SCP_ENDED" });
    await expect(fetch(async () => 127)).rejects.toMatchObject({ code: "ERR_SCP_NOT_AVAILABLE" });
    await expect(fetch(async () => 1, "a*")).rejects.toMatchObject({ code: "ERR_SCP_NO_MATCH" });
    const data = Buffer.from("x");
    await expect(upload(new ScriptedServer(async () => 0), { name: "a", data }, "a")).rejects.toMatchObject({
      code: "ERR_SCP_ENDED",
    });
  });

  test("silence ends in a timeout, in every state", async () => {
    const states: Script[] = [
      forever,
      (program) =>
        program
          .read(1)
          .then(() => program.write("C0644 10 asked\nhalf"))
          .then(forever),
      (program) =>
        program
          .read(1)
          .then(() => program.write("C0644 1 asked\nx"))
          .then(forever),
    ];
    for (const script of states)
      await expect(fetch(script, "asked", { idleTimeoutMs: 50 })).rejects.toMatchObject({
        code: "ERR_SCP_TIMEOUT",
      });
    const sinks: Script[] = [
      forever,
      (program) => program.write("\0").then(forever),
      (program) => program.write("\0\0").then(forever),
      (program) => program.write("\0\0\0").then(forever),
    ];
    const source = { name: "a", data: Buffer.alloc(10_000_000) };
    for (const script of sinks)
      await expect(
        upload(new ScriptedServer(script), source, "a", { idleTimeoutMs: 50 }),
      ).rejects.toMatchObject({
        code: "ERR_SCP_TIMEOUT",
      });
    expect(await written()).toEqual(["target"]);
  });

  test("a connection that is lost is told as such", async () => {
    const server = new ScriptedServer(half);
    const lost = new TransferError("ERR_SSH_CONNECTION_LOST", "the connection was lost");
    const exec = async (command: string) => {
      const channel = await server.exec(command);
      channel.on("data", () => setImmediate(() => channel.destroy(lost)));
      return channel;
    };
    await expect(download({ exec }, "asked", target)).rejects.toMatchObject({
      code: "ERR_SSH_CONNECTION_LOST",
    });
    expect(await written()).toEqual(["target"]);
  });
});

describe("a server that refuses an upload", () => {
  const sink = (body: (program: Program) => Promise<unknown>): ScriptedServer =>
    new ScriptedServer(async (program) => {
      await program.write("\0");
      return body(program);
    });
  const sources = ["a", "b", "c"].map((name) => ({ name, data: Buffer.from(name) }));

  test("one of several: the others are sent", async () => {
    const taken: string[] = [];
    const server = sink(async (program) => {
      for (;;) {
        const line = await program.line();
        if (line === "") return 1;
        if (line.endsWith("b")) await program.write("\u0001scp: b: no space\n");
        else {
          await program.write("\0");
          taken.push((await program.read(2)).toString());
          await program.write("\0");
        }
      }
    });
    const result = await upload(server, sources, "x");
    expect(result.files.map(({ error }) => error?.message)).toEqual([
      undefined,
      "the server reports: b: no space",
      undefined,
    ]);
    expect(taken).toEqual(["a\0", "c\0"]);
  });

  test("fatally: the rest is not sent", async () => {
    const server = sink(async (program) => {
      await program.line();
      await program.write("\u0002scp: out of order\n");
      return 1;
    });
    await expect(upload(server, sources, "x")).rejects.toMatchObject({
      code: "ERR_SCP_REMOTE_FATAL",
      details: { text: "out of order" },
    });
  });

  test("and ends after its message, as OpenSSH does", async () => {
    const server = sink(async (program) => {
      await program.line();
      await program.write("\u0001scp: error: unexpected filename: a\n");
      return 1;
    });
    await expect(upload(server, sources, "x")).rejects.toMatchObject({
      code: "ERR_SCP_REMOTE_FATAL",
      details: { text: "error: unexpected filename: a" },
    });
  });

  test("in the middle of a body", async () => {
    const server = sink(async (program) => {
      await program.line();
      await program.write("\0");
      await program.read(1000);
      await program.write("\u0001scp: a: disk quota exceeded\n");
      return 1;
    });
    const source = { name: "a", data: Buffer.alloc(50_000_000) };
    await expect(upload(server, source, "x")).rejects.toMatchObject({
      code: "ERR_SCP_REMOTE_FATAL",
      details: { text: "a: disk quota exceeded" },
    });
  });

  test("with text of a shell", async () => {
    const server = new ScriptedServer(async (program) => {
      await program.write("This service allows sftp connections only.\n");
      return 1;
    });
    await expect(upload(server, sources, "x")).rejects.toMatchObject({
      code: "ERR_SCP_PROTOCOL",
      message: expect.stringContaining("This service allows sftp connections only."),
    });
  });

  test("by an exit code alone", async () => {
    const server = sink(async (program) => {
      await program.line();
      await program.write("\0");
      await program.read(2);
      await program.write("\0");
      await program.rest();
      program.stderr.write("quota warning\n");
      return 3;
    });
    await expect(upload(server, sources[0]!, "x")).rejects.toMatchObject({
      code: "ERR_SCP_REMOTE_FAILED",
      details: { exitCode: 3, stderr: "quota warning" },
    });
  });
});

describe("a slow reader", () => {
  test("holds the server back", async () => {
    const megabyte = Buffer.alloc(1024 * 1024);
    let accepted = 0;
    const server = new ScriptedServer(async (program) => {
      await program.read(1);
      await program.ask(`C0644 ${64 * megabyte.length} asked\n`);
      for (let index = 0; index < 64; index++) {
        await program.write(megabyte);
        accepted++;
      }
      await program.write("\0");
    });
    const slow = new Writable({ write() {} });
    const abort = new AbortController();
    const fetched = downloadToStream(server, "asked", slow, { signal: abort.signal });
    fetched.catch(() => {});
    // All that can move moves without a timer: when nothing does for a while of turns, it has come to rest.
    for (
      let before = -1, still = 0;
      still < 100;
      still = accepted === before ? still + 1 : 0, before = accepted
    )
      await new Promise((resolve) => setImmediate(resolve));
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(6);
    abort.abort();
    await expect(fetched).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });
});

test("what arrives is what the server sent", async () => {
  const script: Script = async (program) => {
    await program.read(1);
    expect(await program.ask("T1000000000 250000 1100000000 0\n")).toBe("\0");
    expect(await program.ask("C0600 5 asked\n")).toBe("\0");
    expect(await program.ask("hello\0")).toBe("\0");
  };
  const result = await fetch(script, "asked", { preserve: true });
  expect(result.files).toMatchObject([{ modifiedAt: new Date(1_000_000_000_250), mode: 0o600, bytes: 5 }]);
  expect(await readFile(join(target, "asked"), "utf8")).toBe("hello");
});
