import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { describeWithPeers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { startCountingRelay } from "../src/counting-relay.js";
import { oneLine } from "../src/one-line.js";
import { opensshPrograms, startOpensshServer } from "../src/openssh-server.js";
import { scriptProgram, startOnTerminal } from "../src/pseudo-terminal.js";
import type { SshPeer } from "../src/ssh-peer.js";
import {
  loginOptions,
  remote,
  runWaybill,
  scp,
  startWaybill,
  waybillCommand,
  waybillEnvironment,
} from "../src/waybill-command.js";

const OK = { code: 0, stderr: "" };

describeWithPeers("waybill scp, as people use it", [...opensshPrograms, scriptProgram], () => {
  let server: SshPeer;
  let folder: TemporaryFolder;
  const here = (...parts: string[]) => join(folder.path, ...parts);
  const onServer = (name: string) => remote(server, here("there", name));
  const onTerminal = (args: readonly string[], columns: number) =>
    startOnTerminal(waybillCommand(["scp", ...loginOptions(server), ...args]), {
      env: waybillEnvironment(),
      columns,
    });

  beforeAll(async () => {
    server = await startOpensshServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    folder = await temporaryFolder("waybill-scp-");
    await mkdir(here("there"));
  });
  afterEach(() => folder.remove());

  describe("what it shows", () => {
    test("without a terminal: a line for each file that has ended; with -q nothing", async () => {
      await writeFile(here("one.bin"), Buffer.alloc(300_000));
      await writeFile(here("escape\u001b[31m\nbreak"), "four");
      const sources = [here("one.bin"), here("escape\u001b[31m\nbreak")];
      const target = remote(server, here("there"));
      const loud = await scp(server, [...sources, target]);
      expect(loud).toMatchObject(OK);
      expect(loud.stdout.split("\n")).toEqual([
        expect.stringMatching(/one\.bin 300000 bytes \d+\.\d s$/),
        expect.stringMatching(/escape\?\[31m\?break 4 bytes \d+\.\d s$/),
        "",
      ]);
      const quiet = await scp(server, ["-q", ...sources, target]);
      expect(quiet).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
    });

    test("on a terminal: a bar that is drawn again until it is full, and never wraps", async () => {
      await writeFile(here("slow.bin"), Buffer.alloc(1_000_000));
      const program = onTerminal(["-l", "8000", here("slow.bin"), onServer("slow.bin")], 70);
      const { code, shown } = await program.ended;
      expect(code).toBe(0);
      const lines = shown.split(/\r\n|\r/).filter((line) => line !== "");
      expect(lines.filter((line) => line.length > 69)).toEqual([]);
      const percents = lines.map((line) => Number(/slow\.bin \[#* *\] +(\d+)% /.exec(line)?.[1]));
      expect(percents).toEqual([...percents].sort((one, other) => one - other));
      expect(percents.filter((percent) => percent > 0 && percent < 100)).not.toEqual([]);
      expect(percents.at(-1)).toBe(100);
      expect(shown.match(/\n/g)).toHaveLength(1);
    });

    test("on a terminal that is too narrow the end of the name is what stays", async () => {
      await writeFile(here("a-name-that-is-too-long-for-it.bin"), "x");
      const { code, shown } = await onTerminal([here("a-name-*"), remote(server, here("there"))], 80).ended;
      expect(code).toBe(0);
      expect(shown).toMatch(/\r….*for-it\.bin \[#{20}\] 100% /);
    });

    test("on a terminal with -q: nothing", async () => {
      await writeFile(here("file"), "x");
      expect(await onTerminal(["-q", here("file"), onServer("file")], 80).ended).toEqual({
        code: 0,
        shown: "",
      });
    });
  });

  test("a closed output ends nothing", async () => {
    await mkdir(here("tree"));
    const names = Array.from({ length: 100 }, (_, index) => `${index}.txt`).sort();
    for (const name of names) await writeFile(here("tree", name), name);
    for (const paths of [
      [here("tree"), onServer("copy")],
      [onServer("copy"), here("back")],
    ]) {
      const { child, ended } = startWaybill(["scp", ...loginOptions(server), "-r", ...paths]);
      child.stdout.destroy();
      expect(await ended).toMatchObject(OK);
    }
    expect((await readdir(here("there", "copy"))).sort()).toEqual(names);
    expect((await readdir(here("back"))).sort()).toEqual(names);
  });

  describe("how it transfers", () => {
    test("-l keeps to the limit, both ways", async () => {
      await writeFile(here("mib"), Buffer.alloc(1024 * 1024));
      const up = await scp(server, ["-l", "8000", here("mib"), onServer("mib")]);
      const down = await scp(server, ["-l", "8000", onServer("mib"), here("back")]);
      for (const { code, stdout } of [up, down]) {
        const [, bytes, seconds] = /(\d+) bytes (\d+\.\d) s$/m.exec(stdout) ?? [];
        expect([code, bytes]).toEqual([0, "1048576"]);
        // A million bytes a second, of which the first quarter of a second's worth may come at once.
        expect(Number(seconds)).toBeGreaterThanOrEqual(0.7);
      }
      expect((await readFile(here("back"))).equals(Buffer.alloc(1024 * 1024))).toBe(true);
    });

    test("-C compresses what is on the line, both ways", async () => {
      const zeros = Buffer.alloc(4_000_000);
      await writeFile(here("zeros"), zeros);
      const onTheLine = async (...args: string[]) => {
        const relay = await startCountingRelay(server.port);
        try {
          const login = ["-P", String(relay.port), "-i", server.identityFile];
          const trust = ["--host-key-fingerprint", server.fingerprint];
          expect(await runWaybill(["scp", ...login, ...trust, ...args])).toMatchObject(OK);
          return relay.bytesUp + relay.bytesDown;
        } finally {
          await relay.close();
        }
      };
      expect(await onTheLine(here("zeros"), onServer("plain"))).toBeGreaterThan(zeros.length);
      expect(await onTheLine("-C", here("zeros"), onServer("small"))).toBeLessThan(zeros.length / 20);
      expect(await onTheLine("-C", onServer("small"), here("back"))).toBeLessThan(zeros.length / 20);
      expect((await readFile(here("there", "small"))).equals(zeros)).toBe(true);
      expect((await readFile(here("back"))).equals(zeros)).toBe(true);
    });

    test("without a user name it logs in as whoever runs it", async () => {
      await writeFile(here("file"), "x");
      expect(await scp(server, [here("file"), `${server.host}:${here("there")}`])).toMatchObject(OK);
      expect(await readdir(here("there"))).toEqual(["file"]);
    });

    test("a device is a target too", async () => {
      await writeFile(here("there", "file"), Buffer.alloc(100_000));
      expect(await scp(server, [onServer("file"), "/dev/null"])).toMatchObject(OK);
      const full = await scp(server, [onServer("file"), "/dev/full"]);
      expect(full.code).toBe(1);
      expect(oneLine(full.stderr)).toMatch(/\/dev\/full.*(ENOSPC|no space)/i);
    });
  });

  describe("what it does not take", () => {
    test("a wrong command line: exit code 2 and the reason", async () => {
      const wrong = [
        [],
        ["a"],
        ["a", "b"],
        ["ann@one.test:a", "ann@two.test:b"],
        ["one.test:a", "two.test:b", "c"],
        ["--fast", "a", "host:b"],
        ["-P", "70000", "a", "host:b"],
        ["-l", "0", "a", "host:b"],
        ["--known-hosts", "f", "--host-key-fingerprint", "SHA256:x", "a", "host:b"],
      ];
      const results = await Promise.all(wrong.map((args) => runWaybill(["scp", ...args])));
      for (const [index, { code, stdout, stderr }] of results.entries()) {
        expect([wrong[index], code, stdout]).toEqual([wrong[index], 2, ""]);
        expect(stderr).toMatch(/^(waybill|error): .+\n/);
      }
    });

    test("a folder without -r: exit code 1 and the reason, both ways", async () => {
      await mkdir(here("sub"));
      await writeFile(here("sub", "file"), "x");
      const up = await scp(server, [here("sub"), remote(server, here("there"))]);
      expect(up.code).toBe(1);
      expect(oneLine(up.stderr)).toContain(here("sub"));
      const down = await scp(server, [remote(server, here("sub")), here("back")]);
      expect(down.code).toBe(1);
      expect(oneLine(down.stderr)).toContain(here("sub"));
      expect((await readdir(folder.path)).sort()).toEqual(["sub", "there"]);
    });
  });
});
