import { execFileSync, spawnSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { nativeModules } from "./proc.mjs";
import { startOpenSsh, startWaybill } from "./servers.mjs";

const GIB = 1024 ** 3;
/** The native modules of ssh2 and of its dependency. */
const ENGINE_ADDON = "sshcrypto.node";

/** @typedef {Awaited<ReturnType<typeof describeMachine>>} Machine */

/** What the numbers were measured on. @param {import("./workloads.mjs").Bench} bench */
export async function describeMachine(bench) {
  const load = loadavg();
  const waybill = await startWaybill(bench);
  const openssh = await startOpenSsh(bench);
  try {
    return {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      memoryGiB: totalmem() / GIB,
      kernel: release(),
      node: process.version,
      opensshServer: openssh.software,
      opensshClient: spawnSync("ssh", ["-V"], { encoding: "utf8" }).stderr.trim(),
      nativeAddon: nativeModules(waybill.pid).has(ENGINE_ADDON),
      fileSystem: execFileSync("stat", ["-f", "-c", "%T", bench.folder.path], { encoding: "utf8" }).trim(),
      load,
    };
  } finally {
    await waybill.stop();
    await openssh.stop();
  }
}

/** @param {Machine} machine */
export function machineLines(machine) {
  const { cpu, cores, memoryGiB, kernel, node, fileSystem, load } = machine;
  return [
    `machine  ${cpu}, ${cores} cores, ${memoryGiB.toFixed(0)} GiB, Linux ${kernel}, files on ${fileSystem}`,
    `waybill  Node.js ${node}, native addon of ssh2 ${machine.nativeAddon ? "loaded" : "NOT loaded: slower than it could be"}`,
    `OpenSSH  server ${machine.opensshServer}; client ${machine.opensshClient}`,
    `load     ${load.map((each) => each.toFixed(2)).join(" ")} when it began`,
  ];
}
