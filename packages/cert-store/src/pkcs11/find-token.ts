import { TransferError } from "@waybill/net-core";
import type { Handle, TokenInfo } from "pkcs11js";
import { pkcs11Error } from "./cryptoki-errors.js";
import type { CryptokiModule } from "./cryptoki-module.js";
import { CKF_TOKEN_INITIALIZED } from "./cryptoki-names.js";
import type { Pkcs11StoreOptions } from "./pkcs11-store-types.js";
import { readUlong } from "./token-session.js";

/** Which token is meant; all that is given must match. */
export type TokenSelector = Pick<Pkcs11StoreOptions, "slot" | "tokenLabel" | "tokenSerial">;

export interface FoundToken {
  readonly slot: Handle;
  readonly info: TokenInfo;
  readonly label: string;
}

/** The one token that is meant. Errors: `ERR_PKCS11_TOKEN` when there is none, or more than one. */
export function findToken(module: CryptokiModule, file: string, selector: TokenSelector): FoundToken {
  const tokens = listTokens(module, file);
  const fitting = tokens.filter(
    ({ slot, info, label }) =>
      (selector.slot === undefined || readUlong(slot) === selector.slot) &&
      (selector.tokenLabel === undefined || label === selector.tokenLabel) &&
      (selector.tokenSerial === undefined || info.serialNumber.trim() === selector.tokenSerial),
  );
  const [found] = fitting;
  if (found !== undefined && fitting.length === 1) return found;
  const seen = tokens.map(({ slot, label }) => `"${label}" in slot ${readUlong(slot)}`);
  const problem =
    found === undefined
      ? `there is no such token; there is ${seen.length === 0 ? "none at all" : seen.join(", ")}`
      : `${fitting.length} tokens fit: give the label, the slot or the serial number of one (${seen.join(", ")})`;
  throw new TransferError("ERR_PKCS11_TOKEN", `${file}: ${problem}`, { details: { fileName: file } });
}

function listTokens(module: CryptokiModule, file: string): FoundToken[] {
  const { functions } = module;
  let slots: Handle[];
  try {
    slots = functions.C_GetSlotList(true);
  } catch (error) {
    throw pkcs11Error(error, "listing the tokens", file);
  }
  const tokens: FoundToken[] = [];
  for (const slot of slots) {
    try {
      const info = functions.C_GetTokenInfo(slot);
      // An empty one has no label, no PIN and nothing in it.
      if ((info.flags & CKF_TOKEN_INITIALIZED) === 0) continue;
      tokens.push({ slot, info, label: info.label.replace(/[\s\0]+$/, "") });
    } catch {
      // It was pulled out just now, or does not answer: the others may be the ones that are meant.
    }
  }
  return tokens;
}
