import { createHash } from "node:crypto";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { generatePrivateKey, readPublicKey, type SoftwarePrivateKey } from "@waybill/cert-store";
import {
  type AuthenticationHooks,
  LEGACY_ALGORITHMS,
  listenSsh,
  MODERN_ALGORITHMS,
  type SshServer,
  type SshServerOptions,
} from "@waybill/ssh-core";
import {
  describeWithPeers,
  type Peer,
  peerPath,
  peers,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";
import { runInShell } from "../src/own-server.js";
import { SshAgent, sshAdd } from "../src/ssh-agent.js";
import { SshProgram } from "../src/ssh-program.js";
import { MIB } from "../src/test-files.js";

const CORRECT = "correct horse";

describeWithPeers("OpenSSH's ssh logs in to our server", [peers.ssh, peers.sshKeygen], () => {
  let hostKeys: SoftwarePrivateKey[];
  let folder: TemporaryFolder;
  const running: { readonly server: SshServer; readonly ssh: SshProgram }[] = [];

  beforeAll(async () => {
    hostKeys = await Promise.all(
      (["ed25519", "ecdsa-p256", "rsa"] as const).map((kind) => generatePrivateKey(kind)),
    );
  });
  beforeEach(async () => {
    folder = await temporaryFolder("waybill-login-");
  });
  afterEach(async () => {
    for (const { server, ssh } of running.splice(0)) {
      await server.close();
      await ssh.dispose();
    }
    await folder.remove();
  });

  /** Starts a server that runs commands in a shell. */
  async function serve(authentication: AuthenticationHooks, options: Partial<SshServerOptions> = {}) {
    const server = await listenSsh({
      host: "127.0.0.1",
      port: 0,
      hostKeys,
      authentication,
      exec: runInShell,
      ...options,
    });
    const ssh = await SshProgram.for(server, server.hostKeys);
    running.push({ server, ssh });
    return { server, ssh };
  }

  const passwordOnly: AuthenticationHooks = {
    password: ({ user, password }) => user === "ann" && password === CORRECT,
  };
  const withPassword = { answers: { assword: CORRECT } };

  /** A key made by OpenSSH: the file, and the hook that lets it in. */
  async function makeKey(
    ...args: string[]
  ): Promise<{ file: string; publicKey: NonNullable<AuthenticationHooks["publicKey"]> }> {
    const file = join(folder.path, `key${args.join("")}`);
    await succeedWith(peers.sshKeygen, ["-q", "-N", "", "-f", file, ...args]);
    const own = await readPublicKey(`${file}.pub`);
    return { file, publicKey: ({ user, key }) => user === "ann" && key.equals(own) };
  }

  test("by password; a wrong one does not", async () => {
    const { ssh } = await serve(passwordOnly, { banner: "Only for friends.\n" });
    const right = await ssh.run(["echo in"], [], withPassword);
    expect(right).toMatchObject({
      code: 0,
      stdout: "in\n",
      stderr: expect.stringContaining("Only for friends."),
    });
    const wrong = await ssh.run(["echo in"], [], { answers: { assword: "wrong" } });
    expect(wrong).toMatchObject({
      code: 255,
      stdout: "",
      stderr: expect.stringContaining("Permission denied (password)"),
    });
  });

  test.each([
    ["Ed25519", ["-t", "ed25519"], "ssh-ed25519"],
    ["ECDSA P-256", ["-t", "ecdsa", "-b", "256"], "ecdsa-sha2-nistp256"],
    ["ECDSA P-384", ["-t", "ecdsa", "-b", "384"], "ecdsa-sha2-nistp384"],
    ["ECDSA P-521", ["-t", "ecdsa", "-b", "521"], "ecdsa-sha2-nistp521"],
    ["RSA with SHA-512", ["-t", "rsa", "-b", "2048"], "rsa-sha2-512"],
    ["RSA with SHA-256", ["-t", "rsa", "-b", "3072"], "rsa-sha2-256"],
  ])("by a key: %s", async (_name, keygen, algorithm) => {
    const { file, publicKey } = await makeKey(...keygen);
    const { ssh } = await serve({ publicKey });
    const options = ["-v", "-i", file, "-o", `PubkeyAcceptedAlgorithms=${algorithm}`];
    const result = await ssh.run(["echo in"], options);
    expect(result).toMatchObject({ code: 0, stdout: "in\n" });
    expect(result.stderr).toMatch(/Authenticated to .* using "publickey"/);

    const stranger = await makeKey("-C", "stranger", ...keygen);
    const refused = await ssh.run(["echo in"], ["-i", stranger.file]);
    expect(refused).toMatchObject({
      code: 255,
      stdout: "",
      stderr: expect.stringContaining("Permission denied"),
    });
  });

  test("not by an RSA signature with SHA-1, unless that is allowed by name", async () => {
    const { file, publicKey } = await makeKey("-t", "rsa", "-b", "2048");
    const sha1 = ["-i", file, "-o", "PubkeyAcceptedAlgorithms=ssh-rsa"];
    const strict = await serve({ publicKey });
    expect(await strict.ssh.run(["echo in"], sha1)).toMatchObject({ code: 255, stdout: "" });
    const { ssh } = await serve({ publicKey }, { algorithms: { legacy: ["ssh-rsa"] } });
    expect(await ssh.run(["echo in"], sha1)).toMatchObject({ code: 0, stdout: "in\n" });
  });

  test("not by an RSA key of 1024 bits", async () => {
    const { file, publicKey } = await makeKey("-t", "rsa", "-b", "1024");
    const { server, ssh } = await serve({ publicKey });
    const reasons: string[] = [];
    server.on("loginFailed", ({ reason }) => reasons.push(reason));
    const result = await ssh.run(["echo in"], ["-i", file, "-o", "RequiredRSASize=1024"]);
    expect(result).toMatchObject({ code: 255, stdout: "" });
    expect(reasons).toEqual(["RSA key of 1024 bits"]);
  });

  test("by keyboard-interactive, with several questions in several rounds", async () => {
    const { ssh } = await serve({
      keyboardInteractive: async ({ prompt }) => {
        const texts = { title: "Two things", instructions: "We need to know." };
        const [pin, word] = await prompt(
          [
            { prompt: "PIN: ", echo: false },
            { prompt: "Word of the day: ", echo: true },
          ],
          texts,
        );
        const [token] = await prompt([{ prompt: "Token: ", echo: false }]);
        return pin === "1234" && word === "salt" && token === "998";
      },
    });
    const answers = { PIN: "1234", Word: "salt", Token: "998" };
    expect(await ssh.run(["echo in"], [], { answers })).toMatchObject({ code: 0, stdout: "in\n" });
    const wrong = await ssh.run(["echo in"], [], { answers: { ...answers, Token: "997" } });
    expect(wrong).toMatchObject({ code: 255, stdout: "" });
  });

  test("with several factors: a key, then a password, then a code; none of them can be left out", async () => {
    const { file, publicKey } = await makeKey("-t", "ed25519");
    const { ssh } = await serve({
      publicKey: async (attempt) => (await publicKey(attempt)) === true && { next: ["password"] },
      password: ({ password, completed }) =>
        completed.includes("publickey") && password === CORRECT && { next: ["keyboard-interactive"] },
      keyboardInteractive: async ({ prompt, completed }) => {
        const [code] = await prompt([{ prompt: "Code: ", echo: false }]);
        return completed.length === 2 && code === "42";
      },
    });
    const answers = { assword: CORRECT, Code: "42" };
    const result = await ssh.run(["echo in"], ["-v", "-i", file], { answers });
    expect(result).toMatchObject({ code: 0, stdout: "in\n" });
    expect(result.stderr.match(/Authenticated using "\S+" with partial success/g)).toHaveLength(2);
    const without = (options: string[], given: Record<string, string>) =>
      ssh.run(["echo in"], options, { answers: given });
    const incomplete = [
      await without(["-o", "PubkeyAuthentication=no"], answers),
      await without(["-i", file, "-o", "PasswordAuthentication=no"], answers),
      await without(["-i", file, "-o", "KbdInteractiveAuthentication=no"], answers),
      await without(["-i", file], { ...answers, Code: "43" }),
      await without(["-i", file], { ...answers, assword: "wrong" }),
    ];
    for (const each of incomplete) expect(each).toMatchObject({ code: 255, stdout: "" });
  });

  describeWithPeers("with an agent", [peers.sshAgent, sshAdd], () => {
    test("that holds several keys, one of which is right", async () => {
      const { file, publicKey } = await makeKey("-t", "rsa", "-b", "2048");
      const others = [await makeKey("-t", "ed25519"), await makeKey("-t", "ecdsa")];
      const { ssh } = await serve({ publicKey });
      const agent = await SshAgent.start(folder.path);
      try {
        for (const key of [...others.map((other) => other.file), file]) await agent.add(key);
        const options = ["-o", `IdentityAgent=${agent.socket}`, "-o", "IdentitiesOnly=no"];
        expect(await ssh.run(["echo in"], options)).toMatchObject({ code: 0, stdout: "in\n" });
      } finally {
        await agent.stop();
      }
    });
  });

  const modern = [
    ...MODERN_ALGORITHMS.kex.map((name) => ["KexAlgorithms", name]),
    ...MODERN_ALGORITHMS.cipher.map((name) => ["Ciphers", name]),
    ...MODERN_ALGORITHMS.mac.map((name) => ["MACs", name]),
    ...["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"].map((name) => [
      "HostKeyAlgorithms",
      name,
    ]),
    ["Compression", "yes"],
  ] as [string, string][];

  test("with every algorithm that is on by default, and data come back as they went", async () => {
    const { ssh } = await serve(passwordOnly);
    const input = "0123456789abcdef".repeat(20_000);
    for (const [setting, name] of modern) {
      const options = ["-o", `${setting}=${name}`];
      // A cipher that authenticates by itself would make the choice of a MAC meaningless.
      if (setting === "MACs") options.push("-o", "Ciphers=aes128-ctr");
      const { code, stdout, stderr } = await ssh.run(["cat"], options, { ...withPassword, input });
      expect({ setting, name, code, stderr, same: stdout === input }).toMatchObject({ code: 0, same: true });
    }
  });

  // What this OpenSSH can still do: its own list decides what is tried.
  const old = [
    ...LEGACY_ALGORITHMS.kex.map((name) => ["KexAlgorithms", name]),
    ...LEGACY_ALGORITHMS.cipher.map((name) => ["Ciphers", name]),
    ...LEGACY_ALGORITHMS.mac.map((name) => ["MACs", name]),
    ...LEGACY_ALGORITHMS.hostKey.map((name) => ["HostKeyAlgorithms", name]),
  ] as [string, string][];

  test("with old algorithms only where they are allowed by name", async () => {
    for (const [setting, name] of old) {
      const options = ["-o", `${setting}=${name}`];
      if (setting === "MACs") options.push("-o", "Ciphers=aes128-ctr");
      const strict = await serve(passwordOnly);
      const refused = await strict.ssh.run(["echo in"], options, withPassword);
      const { code, stdout, stderr } = refused;
      expect({ name, code, stdout, stderr }).toEqual({
        name,
        code: 255,
        stdout: "",
        stderr: expect.stringMatching(/no matching|Unable to negotiate/),
      });
      const allowing = await serve(passwordOnly, { algorithms: { legacy: [name] } });
      expect({ name, ...(await allowing.ssh.run(["echo in"], options, withPassword)) }).toMatchObject({
        code: 0,
        stdout: "in\n",
      });
    }
  });

  test.each([
    ["the client", ["-o", "RekeyLimit=1M"], {}],
    ["the server", [], { rekeyBytes: MIB }],
  ])("%s asks for new keys again and again during a transfer", async (_who, options, serverOptions) => {
    const { ssh } = await serve(passwordOnly, serverOptions);
    const input = "0123456789abcdef".repeat((20 * MIB) / 16);
    const result = await ssh.run(["cat"], ["-v", ...options], { ...withPassword, input });
    expect(result.code).toBe(0);
    expect(hash(result.stdout)).toBe(hash(input));
    const exchanges = result.stderr.match(/SSH2_MSG_KEXINIT sent/g) ?? [];
    expect(exchanges.length).toBeGreaterThan(10);
  });

  test("gets no shell, no forwarding and no command that the server does not serve", async () => {
    const { server, ssh } = await serve(passwordOnly, { exec: () => undefined });
    const refused = [
      await ssh.run([], ["-T"], withPassword),
      await ssh.run(["true"], [], withPassword),
      await ssh.run(["sftp"], ["-s"], withPassword),
      await ssh.run([], ["-W", `127.0.0.1:${server.port}`], withPassword),
      await ssh.run([], ["-N", "-R", "0:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes"], withPassword),
    ];
    for (const { code, stdout, stderr } of refused) {
      expect({ code, stdout }).toEqual({ code: expect.any(Number), stdout: "" });
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/failed|prohibited|refused/i);
    }
  });

  test("has six attempts, and is then disconnected", async () => {
    let asked = 0;
    const { ssh } = await serve({
      password: () => {
        asked += 1;
        return false;
      },
    });
    const options = ["-o", "NumberOfPasswordPrompts=20"];
    const result = await ssh.run(["echo in"], options, withPassword);
    expect(result).toMatchObject({ code: 255, stdout: "" });
    expect(asked).toBe(6);
  });
});

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function succeedWith(peer: Peer, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(peerPath(peer), args);
  if (code !== 0) throw new Error(`${peer.program} ${args.join(" ")} failed: ${stderr}`);
}
