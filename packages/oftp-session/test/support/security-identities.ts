import { newIdentity, type TestIdentity } from "./identities.js";

const DAY_MS = 24 * 3600 * 1000;

export const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY_MS);

/** An RSA key with a certificate that is valid from so many days ago on; `until`: as many days ago it ended. */
export function identitySince(name: string, days: number, until?: number): Promise<TestIdentity> {
  const validity = { notBefore: daysAgo(days), ...(until === undefined ? {} : { notAfter: daysAgo(until) }) };
  return newIdentity(name, { type: "rsa", bits: 2048 }, validity);
}
