import { test } from "@jest/globals";
import { answerChallenge, authenticationChallenge } from "../src/authentication/challenge.js";
import { newIdentity } from "./identities.js";
import { writeFileSync } from "node:fs";
test("x", async () => {
  const p = await newIdentity("p", { type: "ec" });
  const { challenge, envelope } = await authenticationChallenge(p.certificate, { cipher: "aes-128-gcm" });
  writeFileSync("/tmp/env.der", envelope);
  const out: string[] = [];
  for (let i = 0; i < envelope.length; i += 1) for (let m = 1; m < 256; m += 1) {
    const c = Buffer.from(envelope); c[i] = (c[i] as number) ^ m;
    const a = await answerChallenge(c, [p]).catch(() => undefined);
    if (a) out.push(`${i}^${m} ${a.equals(challenge)}`);
  }
  writeFileSync("/tmp/out.txt", out.join("\n"));
}, 90_000);
