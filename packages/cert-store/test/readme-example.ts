import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatKnownHostsLine, generateHostKey, parseKnownHosts, readPrivateKey } from "@waybill/cert-store";

const folder = await mkdtemp(join(tmpdir(), "waybill-keys-"));
const path = join(folder, "host_key");

// OpenSSH's format, mode 0600, with host_key.pub beside it.
await generateHostKey(path, { comment: "files.example.com" });

// Any format, found by looking; { passphrase } for encrypted keys.
const key = await readPrivateKey(path);
assert.match(key.publicKey.fingerprint(), /^SHA256:/);

const data = Buffer.from("hello, partner");
assert.ok(key.publicKey.verify(data, await key.sign(data)));

const known = parseKnownHosts(formatKnownHostsLine("files.example.com", 2222, key.publicKey));
assert.equal(known.check("files.example.com", 2222, key.publicKey), "trusted");

await rm(folder, { recursive: true });
