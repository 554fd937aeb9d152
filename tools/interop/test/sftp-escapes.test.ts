import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect } from "@jest/globals";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { openSshSftp, sftpBatch, sftpWord } from "../src/clients/openssh.js";
import { type ParamikoOutcome, type ParamikoStep, paramikoSteps } from "../src/clients/paramiko.js";
import { runCommand } from "../src/command.js";
import {
  type EscapeRoute,
  makeOutsideWorld,
  OUTSIDE_NAMES,
  type OutsideWorld,
  SECRET,
  snapshot,
} from "../src/outside-world.js";
import { isThere } from "../src/test-files.js";
import { testWith, useWaybillServer } from "../src/waybill-server.js";

const OWN = "/inside/own.txt";
const STOLEN = "/inside/stolen";

/** Requests that follow a link at the end of their path. */
function following(path: string): ParamikoStep[] {
  return [
    ["stat", path],
    ["read_text", path],
    ["listdir", path],
    ["write_text", path, "changed", "w"],
    ["write_text", path, "changed", "a"],
    ["write_text", path, "changed", "x"],
    ["write_text", path, "changed", "r+"],
    ["open_with_mode", path, 0o4777],
    ["chmod", path, 0o777],
    ["utime", path, 1],
    ["truncate", path, 1],
    ["extended", "statvfs@openssh.com", path],
  ];
}

/** Requests that do not, and those that have two paths. */
function notFollowing(path: string): ParamikoStep[] {
  return [
    ["lstat", path],
    ["lsetstat", path, 0o777],
    ["readlink", path],
    ["remove", path],
    ["rmdir", path],
    ["mkdir", path],
    ["symlink", "own.txt", path],
    ["rename", path, STOLEN],
    ["posix_rename", path, STOLEN],
    ["hardlink", path, STOLEN],
    ["rename", OWN, path],
    ["posix_rename", OWN, path],
    ["hardlink", OWN, path],
  ];
}

describeWithPeers(
  "nothing outside of the root can be reached",
  [peers.paramiko, ...openSshSftp.peers],
  () => {
    const server = useWaybillServer();
    const test = testWith(server);
    let world: OutsideWorld;
    let local: TemporaryFolder;
    let outsideBefore: string;

    beforeAll(async () => {
      world = await makeOutsideWorld(server().root);
      local = await temporaryFolder("waybill-client-");
    });
    beforeEach(async () => {
      outsideBefore = await snapshotOutside();
    });
    afterAll(() => local?.remove());

    const snapshotOutside = async () =>
      `${await snapshot(world.folder)}\n${await snapshot(`${server().root}-sibling`)}`;

    /** Every request over every route, for each of the names: all must fail, and nothing may tell one name from another. */
    async function expectClosed(routes: readonly EscapeRoute[]): Promise<void> {
      const [file, folder, missing] = await Promise.all(OUTSIDE_NAMES.map((name) => tellAll(routes, name)));
      expect(file).toEqual(missing);
      expect(folder).toEqual(missing);
    }

    /** What the server says to every request over every route, without the name. */
    async function tellAll(routes: readonly EscapeRoute[], name: string): Promise<string[]> {
      const steps = routes.flatMap((route) => {
        const path = route.path(name);
        return [...following(path), ...(route.endsInLink ? [] : notFollowing(path))];
      });
      const outcomes = await paramikoSteps(server().access, steps);
      return outcomes.map((outcome, index) => {
        expect({ step: steps[index], ...outcome }).toMatchObject({ error: expect.any(String) });
        return `${steps[index]?.[0]}: ${outcome.error?.replaceAll(name, "NAME")}`;
      });
    }

    test("by dots, absolute paths, and links made before the session: not read, told apart or changed", async () => {
      const insideBefore = await snapshot(server().root);
      await expectClosed(world.routes);
      expect(await snapshotOutside()).toBe(outsideBefore);
      expect(await snapshot(server().root)).toBe(insideBefore);
    });

    test("real paths of the root stay hidden: REALPATH and expand-path answer from the root", async () => {
      const paths = [
        ".",
        "..",
        "../..",
        "/..",
        "link-slash",
        "link-slash/..",
        "inside/deep/../../..",
        "~",
        "~/..",
      ];
      const steps = paths.flatMap<ParamikoStep>((path) => [
        ["normalize", path],
        ["extended", "expand-path@openssh.com", path],
      ]);
      const outcomes = await paramikoSteps(server().access, steps);
      const [root, , parent] = outcomes;
      expect(root).toEqual({ value: "/" });
      expect(parent).toEqual({ value: "/" });
      expectNothingTold(outcomes);
      expect(decoded(outcomes)).not.toContain(server().root);
    });

    test("by links that the client makes in its session", async () => {
      const targets = [
        world.folder,
        "../outside",
        `${"../".repeat(20)}${world.folder}`,
        "/link-absolute",
        "./again/../..",
      ];
      const made = targets.flatMap<ParamikoStep>((target, index) => [
        ["symlink", target, `/made-${index}`],
        ["symlink", `made-${index}`, `/made-${index}-chained`],
        ["read_text", `/made-${index}/secret.txt`],
        ["read_text", `/made-${index}-chained/secret.txt`],
      ]);
      const outcomes = await paramikoSteps(server().access, made);
      expect(outcomes.map(({ error }) => error === undefined)).toEqual(
        targets.flatMap(() => [true, true, false, false]),
      );
      const links = targets.flatMap((_, index) => [`made-${index}`, `made-${index}-chained`]);
      await expectClosed(links.map((link) => ({ path: (name) => `${link}/${name}`, endsInLink: false })));
      expect(await snapshotOutside()).toBe(outsideBefore);
    });

    test("by links that appear on the disk during the session, under a path that was used before", async () => {
      const folder = join(server().root, "changing");
      await mkdir(folder);
      await writeFile(join(folder, "secret.txt"), "public");
      const outcomes = await paramikoSteps(server().access, [
        ["read_text", "/changing/secret.txt"],
        ["local_replace", folder, world.folder],
        ["read_text", "/changing/secret.txt"],
        ["listdir", "/changing"],
        ["stat", "/changing/secret.txt"],
        ["write_text", "/changing/secret.txt", "changed"],
        ["remove", "/changing/victim.txt"],
        ["rename", "/changing/victim.txt", STOLEN],
        ["rename", OWN, "/changing/arrived"],
        ["local_symlink", join(world.folder, "secret.txt"), `${folder}-file`],
        ["read_text", "/changing-file"],
        ["write_text", "/changing-file", "changed"],
      ]);
      expect(outcomes.slice(0, 2)).toEqual([{ value: "public" }, { value: null }]);
      expect(outcomes.slice(2).map(({ error }) => error === undefined)).toEqual([
        false,
        false,
        false,
        false,
        false,
        false,
        false,
        true,
        false,
        false,
      ]);
      expectNothingTold(outcomes);
      expect(await snapshotOutside()).toBe(outsideBefore);
    });

    test("by a link that takes the place of a folder whose listing is open", async () => {
      const folder = join(server().root, "listed");
      await mkdir(folder);
      await writeFile(join(folder, "public.txt"), "public");
      const [listing] = await paramikoSteps(server().access, [
        ["opened_folder_while", "/listed", "local_replace", folder, world.folder],
      ]);
      expect(listing).toEqual({ value: ["public.txt"] });
    });

    test("by a folder that turns into a link and back all the time", async () => {
      const folder = join(server().root, "racing");
      await mkdir(folder);
      for (const name of ["secret.txt", "victim.txt"]) await writeFile(join(folder, name), "public");
      const [outcome] = await paramikoSteps(server().access, [
        ["race", folder, "/racing", world.folder, 500],
      ]);
      const race = outcome?.value as { seen: string[]; reads: number; misses: number };
      // Both states were met, or it was no race.
      expect(race.seen).toContain("public");
      expect(race.reads).toBeGreaterThan(0);
      expect(race.misses).toBeGreaterThan(0);
      expectNothingTold(outcome === undefined ? [] : [outcome]);
      expect(await snapshotOutside()).toBe(outsideBefore);
    });

    test("by hard links to symbolic links", async () => {
      await symlink(join(world.folder, "secret.txt"), join(server().root, "to-be-linked"));
      const outcomes = await paramikoSteps(server().access, [
        ["hardlink", "/to-be-linked", "/hard"],
        ["read_text", "/hard"],
        ["write_text", "/hard", "changed"],
        ["rename", "/to-be-linked", "/inside/deep/moved"],
        ["read_text", "/inside/deep/moved"],
      ]);
      expect(outcomes.map(({ error }) => error === undefined)).toEqual([true, false, false, true, false]);
      expect(await snapshotOutside()).toBe(outsideBefore);
    });

    test("the root itself cannot be removed, renamed or replaced", async () => {
      const roots = ["/", ".", "..", "/..", "inside/..", ""];
      const steps = roots.flatMap<ParamikoStep>((path) => [
        ["rmdir", path],
        ["remove", path],
        ["rename", path, STOLEN],
        ["posix_rename", path, STOLEN],
        ["hardlink", path, STOLEN],
        ["rename", OWN, path],
        ["posix_rename", OWN, path],
        ["mkdir", path],
        ["symlink", "inside", path],
      ]);
      const before = await snapshot(server().root);
      for (const outcome of await paramikoSteps(server().access, steps)) {
        expect(outcome).toMatchObject({ error: expect.any(String) });
      }
      expect(await snapshot(server().root)).toBe(before);
    });

    test("names with a zero byte, bytes that are no UTF-8, and endless paths are refused or stay inside", async () => {
      const paths = [
        "inside\0/../../outside/secret.txt",
        "link-absolute\0/secret.txt",
        "\udcff\udcfe/../../outside/secret.txt",
        "../".repeat(2000),
        "a/".repeat(2000),
        "x".repeat(5000),
      ];
      const outcomes = await paramikoSteps(
        server().access,
        paths.flatMap((path) => following(path)),
      );
      expectNothingTold(outcomes);
      expect(await snapshotOutside()).toBe(outsideBefore);
    });

    test("with OpenSSH's sftp neither", async () => {
      const get = (path: string, name: string) =>
        `-get ${sftpWord(path)} ${sftpWord(join(local.path, name))}`;
      await writeFile(join(local.path, "changed"), "changed");
      const put = (path: string) => `-put ${sftpWord(join(local.path, "changed"))} ${sftpWord(path)}`;
      const lines = world.routes.flatMap((route, index) => [
        get(route.path("secret.txt"), `stolen-${index}`),
        put(route.path("secret.txt")),
        `-ls -la ${sftpWord(route.path("folder"))}`,
        ...(route.endsInLink
          ? []
          : [
              put(route.path("new.txt")),
              `-rm ${sftpWord(route.path("victim.txt"))}`,
              `-rename ${sftpWord(OWN)} ${sftpWord(route.path("moved.txt"))}`,
              `-rename -l ${sftpWord(route.path("secret.txt"))} ${sftpWord(STOLEN)}`,
              `-ln ${sftpWord(route.path("secret.txt"))} ${sftpWord(STOLEN)}`,
              `-mkdir ${sftpWord(route.path("made"))}`,
              `-chmod 777 ${sftpWord(route.path("secret.txt"))}`,
            ]),
      ]);
      const links = [
        "ln -s ../outside sftp-link",
        "-get -r sftp-link .",
        "-cd sftp-link",
        "-get sftp-link/secret.txt",
      ];
      const { code, stdout, stderr } = await runCommand(
        sftpBatch(server().access, [`lcd ${local.path}`, ...links, ...lines, "cd ..", "pwd"]),
      );
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(stdout).toMatch(/Remote working directory: \/\n$/);
      expect(`${stdout}${stderr}`).not.toMatch(/inner-secret|what nobody/);
      for (const name of await readdir(local.path)) {
        expect(await readFile(join(local.path, name), "utf8")).not.toContain(SECRET);
      }
      expect(await snapshotOutside()).toBe(outsideBefore);
      expect(await isThere(join(server().root, "inside/stolen"))).toBe(false);
      expect(await readFile(join(server().root, "inside/own.txt"), "utf8")).toBe("own");
    });
  },
);

/** All outcomes as a text, what is in base64 too. */
function decoded(outcomes: readonly ParamikoOutcome[]): string {
  const text = JSON.stringify(outcomes);
  const parts = text.match(/[A-Za-z0-9+/]{8,}={0,2}/g) ?? [];
  return `${text}${parts.map((part) => Buffer.from(part, "base64").toString("latin1")).join("\n")}`;
}

function expectNothingTold(outcomes: readonly ParamikoOutcome[]): void {
  expect(decoded(outcomes)).not.toMatch(/what nobody|inner-secret/);
}
