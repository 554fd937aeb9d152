// One host key and one login key, made for this run and used with both servers.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";

/**
 * @typedef {object} Credentials
 * @property {string} user Who runs the benchmark: sshd cannot log in anybody else.
 * @property {string} hostKey
 * @property {string} loginKey
 * @property {string} authorizedKeys
 * @property {string} knownHosts
 */

/** @param {import("./bench-folder.mjs").BenchFolder} folder @returns {Credentials} */
export function makeCredentials(folder) {
  const hostKey = makeKey(folder.secret("host-key"));
  const loginKey = makeKey(folder.secret("login-key"));
  const knownHosts = folder.secret("known-hosts");
  writeFileSync(knownHosts, `* ${readFileSync(`${hostKey}.pub`, "utf8")}`);
  return { user: userInfo().username, hostKey, loginKey, authorizedKeys: `${loginKey}.pub`, knownHosts };
}

/** @param {string} file */
function makeKey(file) {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "waybill-bench", "-f", file]);
  return file;
}
