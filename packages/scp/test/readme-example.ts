import { download, type ScpResult, upload } from "@waybill/scp";
import { connectSsh, type SshClientOptions } from "@waybill/ssh-core";

// partner: { host, port, user, password, hostKey: { knownHostsFiles: ["known_hosts"] } }
export async function exchange(partner: SshClientOptions, folder: string): Promise<ScpResult> {
  const client = await connectSsh(partner);
  try {
    await upload(client, `${folder}/orders/*.xml`, "/data/in box", { preserve: true });
    return await download(client, "/data/out box/[a-m]*.xml", `${folder}/invoices`, {
      bytesPerSecond: 5_000_000,
      onProgress: ({ path, percent }) => process.stdout.write(`${path} ${percent.toFixed(0)} %\n`),
    });
  } finally {
    await client.close();
  }
}
