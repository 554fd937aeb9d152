import { once } from "node:events";
import { connect as dialTcp } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { generatePrivateKey } from "@waybill/cert-store";
import type { AuthenticationMethod, Prompt } from "../src/index.js";
import { closeAll, connect, hostKey, serve } from "./server-fixture.js";

afterEach(closeAll);

const annKey = await generatePrivateKey("ed25519");
const rsaKey = await generatePrivateKey("rsa", { bits: 2048 });

describe("password", () => {
  test("lets the right one in and tells both sides who it is", async () => {
    const server = await serve();
    const login = once(server, "login");
    const client = await connect(server);
    const [{ session, methods }] = await login;
    expect(methods).toEqual(["password"]);
    expect(session).toMatchObject({ user: "ann", remoteSoftware: "Waybill" });
    expect(server.sessions.get(session.id)).toBe(session);
    expect(client.session.negotiated).toEqual(session.negotiated);
    expect(client.session.negotiated).toMatchObject({ hostKey: "ssh-ed25519", clientToServer: { mac: "" } });
    expect(session.remote.port).toBe(client.session.local.port);
    expect(session.bytesReceived).toBeGreaterThan(100);
  });

  test("refuses the wrong one with the methods that are left, and says why to the server only", async () => {
    const server = await serve();
    const failed = once(server, "loginFailed");
    await expect(connect(server, { password: "wrong" })).rejects.toMatchObject({
      code: "ERR_SSH_AUTH_FAILED",
      details: { methods: ["password"] },
    });
    expect((await failed)[0]).toMatchObject({ user: "ann", method: "password", reason: "wrong password" });
    expect(server.sessions.size).toBe(0);
  });

  test("a hook that throws refuses", async () => {
    const server = await serve({
      authentication: {
        password: () => {
          throw new Error("directory down");
        },
      },
    });
    await expect(connect(server)).rejects.toMatchObject({ code: "ERR_SSH_AUTH_FAILED" });
  });

  test("is asked for only when the server takes passwords", async () => {
    const server = await serve({ authentication: { publicKey: () => true } });
    let asked = 0;
    const client = await connect(server, { privateKeys: [annKey], password: () => String(++asked) });
    expect(client.session.user).toBe("ann");
    expect(asked).toBe(0);
  });
});

describe("public key", () => {
  test.each([
    ["Ed25519", annKey],
    ["RSA", rsaKey],
  ])("%s: the hook is asked once, and possession is proved", async (_name, key) => {
    let asked = 0;
    const server = await serve({
      authentication: {
        publicKey: (attempt) => {
          asked++;
          return attempt.key.equals(key.publicKey);
        },
      },
    });
    const login = once(server, "login");
    await connect(server, { privateKeys: [key] });
    expect((await login)[0].methods).toEqual(["publickey"]);
    expect(asked).toBe(1);
  });

  test("a key whose owner cannot sign with it does not get in", async () => {
    const server = await serve({ authentication: { publicKey: () => true } });
    const impostor = {
      ...annKey,
      type: annKey.type,
      publicKey: annKey.publicKey,
      sign: async () => Buffer.alloc(64),
    };
    const failed = once(server, "loginFailed");
    await expect(connect(server, { privateKeys: [impostor] })).rejects.toMatchObject({
      code: "ERR_SSH_AUTH_FAILED",
    });
    expect((await failed)[0]).toMatchObject({ reason: "wrong signature" });
  });

  test("several keys are offered in turn; refused offers are no failed logins", async () => {
    const others = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => generatePrivateKey("ed25519")));
    const server = await serve({
      authentication: { publicKey: ({ key }) => key.equals(annKey.publicKey) },
      maxLoginAttempts: 3,
    });
    const client = await connect(server, { privateKeys: [...others, annKey] });
    expect(client.session.user).toBe("ann");
  });
});

describe("keyboard-interactive", () => {
  test("asks several questions, in several rounds", async () => {
    const server = await serve({
      authentication: {
        keyboardInteractive: async ({ prompt }) => {
          const first = await prompt(
            [
              { prompt: "Name: ", echo: true },
              { prompt: "PIN: ", echo: false },
            ],
            { title: "Two questions", instructions: "Answer both." },
          );
          const second = await prompt([{ prompt: "Token: ", echo: true }]);
          return first.join() === "ann,1234" && second[0] === "987";
        },
      },
    });
    const seen: { title: string; instructions: string; prompts: readonly Prompt[] }[] = [];
    await connect(server, {
      password: undefined,
      keyboardInteractive: (request) => {
        seen.push(request);
        return request.prompts.length === 2 ? ["ann", "1234"] : ["987"];
      },
    });
    expect(seen[0]).toEqual({
      title: "Two questions",
      instructions: "Answer both.",
      prompts: [
        { prompt: "Name: ", echo: true },
        { prompt: "PIN: ", echo: false },
      ],
    });
    expect(seen).toHaveLength(2);
  });

  test("one hidden question is answered with the password", async () => {
    const server = await serve({
      authentication: {
        keyboardInteractive: async ({ prompt }) =>
          (await prompt([{ prompt: "Password: ", echo: false }]))[0] === "right",
      },
    });
    await expect(connect(server)).resolves.toBeDefined();
  });

  test("too few answers refuse", async () => {
    const server = await serve({
      authentication: {
        keyboardInteractive: async ({ prompt }) => {
          await prompt([
            { prompt: "a", echo: true },
            { prompt: "b", echo: true },
          ]);
          return true;
        },
      },
    });
    await expect(
      connect(server, { password: undefined, keyboardInteractive: () => ["one"] }),
    ).rejects.toMatchObject({
      code: "ERR_SSH_AUTH_FAILED",
    });
  });
});

describe("several factors", () => {
  test("a key, then a password; neither alone", async () => {
    const completed: (readonly AuthenticationMethod[])[] = [];
    const server = await serve({
      authentication: {
        publicKey: ({ key }) => (key.equals(annKey.publicKey) ? { next: ["password"] } : false),
        password: (attempt) => {
          completed.push(attempt.completed);
          return (
            attempt.password === "right" &&
            (attempt.completed.includes("publickey") || { next: ["publickey"] })
          );
        },
      },
    });
    const login = once(server, "login");
    await connect(server, { privateKeys: [annKey] });
    expect((await login)[0].methods).toEqual(["publickey", "password"]);
    expect(completed).toEqual([["publickey"]]);
    await expect(connect(server, { privateKeys: [annKey], password: undefined })).rejects.toMatchObject({
      code: "ERR_SSH_AUTH_FAILED",
      details: { methods: ["password"] },
    });
    await expect(connect(server, {})).rejects.toMatchObject({ code: "ERR_SSH_AUTH_FAILED" });
  });
});

describe("limits", () => {
  test("the connection ends after the last allowed attempt", async () => {
    let attempts = 0;
    const server = await serve({
      authentication: {
        keyboardInteractive: () => {
          attempts++;
          return false;
        },
        password: () => {
          attempts++;
          return false;
        },
        publicKey: () => false,
      },
      maxLoginAttempts: 1,
    });
    await expect(
      connect(server, { privateKeys: [annKey], keyboardInteractive: () => [] }),
    ).rejects.toMatchObject({ code: "ERR_SSH_CONNECTION_LOST" });
    expect(attempts).toBe(1);
  });

  test("an address with too many failures is refused even with the right password", async () => {
    const server = await serve({ loginLimits: { maxFailuresPerAddress: 2 } });
    for (const _ of [1, 2]) await expect(connect(server, { password: "wrong" })).rejects.toThrow();
    const failed = once(server, "loginFailed");
    await expect(connect(server)).rejects.toMatchObject({ code: "ERR_SSH_AUTH_FAILED" });
    expect((await failed)[0].reason).toBe("too many failed logins");
  });

  test("who does not log in in time is disconnected, before and after the first line", async () => {
    const server = await serve({ loginTimeoutMs: 150 });
    const silent = dialTcp(server.port, server.host);
    silent.resume();
    await once(silent, "close");
    await expect(connect(server, { password: () => new Promise<string>(() => {}) })).rejects.toMatchObject({
      code: "ERR_SSH_CONNECTION_LOST",
    });
  });
});

test("the banner arrives before the login", async () => {
  const server = await serve({ banner: "Authorised use only\n" });
  const banners: string[] = [];
  await connect(server, { onBanner: (text) => banners.push(text) });
  expect(banners.join("").trim()).toBe("Authorised use only");
});

test("without a method nobody gets in", async () => {
  const server = await serve({ authentication: {} });
  await expect(connect(server)).rejects.toMatchObject({ code: "ERR_SSH_AUTH_FAILED" });
});

test("several host keys: the client gets one that it knows", async () => {
  const server = await serve({ hostKeys: [hostKey, rsaKey] });
  const byDefault = await connect(server, { hostKey: { verify: () => true } });
  expect(byDefault.session.negotiated.hostKey).toBe("ssh-ed25519");
  const rsa = await connect(server, { hostKey: { keys: [rsaKey.publicKey] } });
  expect(rsa.session.negotiated.hostKey).toBe("rsa-sha2-512");
});

test("SHA-1 is used only where both sides allow it by name, by the host key and by the user's", async () => {
  const legacy = { legacy: ["ssh-rsa"] };
  const onlySha1 = { only: { hostKey: ["ssh-rsa"] } };
  const options = { hostKey: { keys: [rsaKey.publicKey] } };
  const modern = await serve({ hostKeys: [rsaKey] });
  await expect(connect(modern, { ...options, algorithms: onlySha1 })).rejects.toMatchObject({
    code: "ERR_SSH_NO_COMMON_ALGORITHM",
  });
  const old = await serve({ hostKeys: [rsaKey], algorithms: legacy });
  const client = await connect(old, { ...options, algorithms: onlySha1 });
  expect(client.session.negotiated.hostKey).toBe("ssh-rsa");
  const better = await connect(old, { ...options, algorithms: legacy });
  expect(better.session.negotiated.hostKey).toBe("rsa-sha2-512");
});
