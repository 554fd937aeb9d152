/**
 * Which of our packages each package may import: imports point down this list only. It is the table "The house" of the
 * design; a new package gets its line here.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
export const layers = {
  "@waybill/net-core": [],
  "@waybill/cert-store": ["@waybill/net-core"],
  "@waybill/cms-security": ["@waybill/net-core", "@waybill/cert-store"],
  "@waybill/ssh-core": ["@waybill/net-core", "@waybill/cert-store"],
  "@waybill/scp": ["@waybill/net-core", "@waybill/ssh-core"],
  "@waybill/sftp-server": ["@waybill/net-core", "@waybill/cert-store", "@waybill/ssh-core", "@waybill/scp"],
  "@waybill/oftp-codec": ["@waybill/net-core"],
  "@waybill/oftp-session": [
    "@waybill/net-core",
    "@waybill/cert-store",
    "@waybill/cms-security",
    "@waybill/oftp-codec",
  ],
  "@waybill/oftp-client": [
    "@waybill/net-core",
    "@waybill/cert-store",
    "@waybill/oftp-codec",
    "@waybill/oftp-session",
  ],
  "@waybill/oftp-server": [
    "@waybill/net-core",
    "@waybill/cert-store",
    "@waybill/oftp-codec",
    "@waybill/oftp-session",
  ],
};

/** What the tests and the configuration of every package may use besides. */
export const testTools = ["@waybill/testing", "@waybill/jest-config"];

/**
 * The packages of this repository that a package may import.
 * @param {import("./workspace-packages.mjs").WorkspacePackage} importer
 * @param {readonly import("./workspace-packages.mjs").WorkspacePackage[]} all
 * @returns {readonly string[] | undefined} undefined: the package has no line in the table.
 */
export function allowedPackages(importer, all) {
  if (importer.group === "packages") return layers[importer.name];
  const below = importer.group === "apps" ? ["packages"] : ["packages", "apps"];
  return all.filter(({ group }) => below.includes(group)).map(({ name }) => name);
}
