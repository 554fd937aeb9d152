import { execFileSync, spawnSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { nativeModules } from "./proc.mjs";
import { startOpenSsh, startWaybill } from "./servers.mjs";

const GIB = 1024 ** 3;
/** The native modules of ssh2 and of its dependency. */
const ENGINE_ADDON = "sshcrypto.node";

/** @typedef {Awaited<ReturnType<typeof describeMachine>>} Machine */

/**
 * What the numbers were measured on.
 * @param {import("./workloads.mjs").Bench} bench @param {boolean} servers Whether SFTP servers are measured.
 */
export async function describeMachine(bench, servers) {
  const load = loadavg();
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: totalmem() / GIB,
    kernel: release(),
    node: process.version,
    openssl: spawnSync("openssl", ["version"], { encoding: "utf8" }).stdout.trim(),
    ...(servers && (await describeServers(bench))),
    fileSystem: execFileSync("stat", ["-f", "-c", "%T", bench.folder.path], { encoding: "utf8" }).trim(),
    load,
  };
}

/** @param {import("./workloads.mjs").Bench} bench */
async function describeServers(bench) {
  const waybill = await startWaybill(bench);
  const openssh = await startOpenSsh(bench);
  try {
    return {
      opensshServer: openssh.software,
      opensshClient: spawnSync("ssh", ["-V"], { encoding: "utf8" }).stderr.trim(),
      nativeAddon: nativeModules(waybill.pid).has(ENGINE_ADDON),
    };
  } finally {
    await waybill.stop();
    await openssh.stop();
  }
}

/** @param {Machine} machine */
export function machineLines(machine) {
  const { cpu, cores, memoryGiB, kernel, node, openssl, opensshServer, fileSystem, load } = machine;
  const addon = machine.nativeAddon ? "loaded" : "NOT loaded: slower than it could be";
  return [
    `machine  ${cpu}, ${cores} cores, ${memoryGiB.toFixed(0)} GiB, Linux ${kernel}, files on ${fileSystem}`,
    `waybill  Node.js ${node}${opensshServer === undefined ? "" : `, native addon of ssh2 ${addon}`}`,
    ...(opensshServer === undefined
      ? []
      : [`OpenSSH  server ${opensshServer}; client ${machine.opensshClient}`]),
    `OpenSSL  ${openssl.replace(/^OpenSSL | \(Library.*$/g, "")}`,
    `load     ${load.map((each) => each.toFixed(2)).join(" ")} when it began`,
  ];
}
