import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { fingerprintOf, parseKnownHosts } from "@waybill/cert-store";
import { connectSsh } from "@waybill/ssh-core";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { type RunningServer, startServer, waybill } from "./waybill-command.js";

let folder: TemporaryFolder;
const running: RunningServer[] = [];
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  await folder.remove();
});

async function start(...args: string[]): Promise<RunningServer> {
  const server = await startServer(["start", "--port", "0", ...args], /^try:/, folder.path);
  running.push(server);
  return server;
}

/** What follows a name in the printed lines. */
function printed(server: RunningServer, name: string): string {
  return (
    server.lines
      .find((line) => line.startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim() ?? ""
  );
}

test("the first start makes everything and prints it; a second one keeps it", async () => {
  const first = await start();
  const fingerprint = /host key (SHA256:[^)]+)\)/.exec(first.lines[0] ?? "")?.[1] ?? "";
  const password = printed(first, "password");
  expect(password).toMatch(/^[\w-]{16}$/);
  expect(printed(first, "try")).toBe(
    `sftp -P ${first.port} -o UserKnownHostsFile=waybill-data/known_hosts waybill@127.0.0.1`,
  );
  const login = (port: number) =>
    connectSsh({
      host: "127.0.0.1",
      port,
      user: "waybill",
      password,
      hostKey: { fingerprints: [fingerprint] },
    });
  const client = await login(first.port);
  await client.close();
  const data = join(folder.path, "waybill-data");
  expect((await stat(data)).mode & 0o777).toBe(0o700);
  expect((await stat(join(data, "user.json"))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(data, "user.json"), "utf8")).not.toContain(password);
  const known = parseKnownHosts(await readFile(join(data, "known_hosts"), "utf8"));
  expect(known.keysFor("127.0.0.1", first.port).map((key) => fingerprintOf(key.blob))).toEqual([fingerprint]);
  expect(await first.stop()).toBe(0);

  const second = await start();
  expect(second.lines[0]).toContain(fingerprint);
  expect(printed(second, "password")).toMatch(/^as printed at the first start/);
  const again = await login(second.port);
  await again.close();
});

test("--new-password replaces the password", async () => {
  const first = await start();
  const old = printed(first, "password");
  await first.stop();
  const second = await start("--new-password");
  const renewed = printed(second, "password");
  expect(renewed).not.toBe(old);
  const login = (password: string) =>
    connectSsh({
      host: "127.0.0.1",
      port: second.port,
      user: "waybill",
      password,
      hostKey: { knownHostsFiles: [join(folder.path, "waybill-data", "known_hosts")] },
    });
  await expect(login(old)).rejects.toMatchObject({ code: "ERR_SSH_AUTH_FAILED" });
  await (await login(renewed)).close();
});

test("a port that is taken, and a damaged user file, are one clear line each", async () => {
  const server = await start();
  const taken = await waybill(["start", "--data", "other", "--port", String(server.port)], {
    cwd: folder.path,
  });
  expect(taken.code).toBe(1);
  expect(taken.stderr).toMatch(new RegExp(`127\\.0\\.0\\.1:${server.port}`));
  expect(
    taken.stderr
      .trim()
      .split("\n")
      .filter((line) => line.startsWith("waybill:")),
  ).toHaveLength(1);
  await writeFile(join(folder.path, "waybill-data", "user.json"), "{");
  const damaged = await waybill(["start", "--port", "0"], { cwd: folder.path });
  expect(damaged.code).toBe(1);
  expect(damaged.stderr).toMatch(/user\.json is damaged: start with --new-password/);
});
