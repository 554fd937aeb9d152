import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { realpath } from "node:fs/promises";
import { errorMessage, TransferError } from "@waybill/net-core";
import type * as Binding from "pkcs11js";
import { pkcs11Error, returnValueOf } from "./cryptoki-errors.js";
import { CKF_OS_LOCKING_OK, CKR } from "./cryptoki-names.js";

/** Who is logged in to a token: the login is the process's, however many stores use it. */
interface Login {
  stores: number;
  readonly pinDigest: Buffer;
}

/**
 * A module (the vendor's library) as this process has it: loaded once, initialised while a store uses it, since
 * `C_Initialize` may be called once only.
 */
export class CryptokiModule {
  readonly functions: Binding.PKCS11;
  /** Whether calls may come from several threads. Without, everything runs in the event loop's. */
  readonly threads: boolean;
  readonly #logins = new Map<string, Login>();

  constructor(functions: Binding.PKCS11, threads: boolean) {
    this.functions = functions;
    this.threads = threads;
  }

  /**
   * Whether `pin` is the one that another store of this process is logged in with. True when none is. A module takes any
   * PIN once somebody is logged in, so this is the only check that is left then.
   */
  isPinOfLogin(slot: string, pin: string): boolean {
    const login = this.#logins.get(slot);
    return login === undefined || timingSafeEqual(login.pinDigest, digestOf(pin));
  }

  /** One store more is logged in. */
  noteLogin(slot: string, pin: string): void {
    const login = this.#logins.get(slot);
    if (login === undefined) this.#logins.set(slot, { stores: 1, pinDigest: digestOf(pin) });
    else login.stores += 1;
  }

  /** One store less is logged in. Returns whether it was the last. */
  endLogin(slot: string): boolean {
    const login = this.#logins.get(slot);
    if (login === undefined) return false;
    login.stores -= 1;
    return login.stores === 0 && this.#logins.delete(slot);
  }
}

/** PINs are remembered as digests with a key that nobody knows, never as they are. */
const PIN_KEY = randomBytes(32);

function digestOf(pin: string): Buffer {
  return createHmac("sha256", PIN_KEY).update(pin).digest();
}

interface LoadedModule {
  stores: number;
  readonly loading: Promise<{ readonly module: CryptokiModule; readonly finalize: () => void }>;
}

const loadedModules = new Map<string, LoadedModule>();

/** A module that stays as it is until it is released. */
export interface HeldModule {
  readonly module: CryptokiModule;
  /** To be called once. The last one ends the module. */
  readonly release: () => void;
}

/** The module of a file, held for the caller. Errors: `ERR_PKCS11_UNAVAILABLE`, `ERR_PKCS11_MODULE`. */
export async function holdModule(file: string): Promise<HeldModule> {
  // Without a folder it is the name of a library that the system finds.
  const path = /[\\/]/.test(file) ? await realPathOf(file) : file;
  const loaded = loadedModules.get(path) ?? { stores: 0, loading: loadModule(path) };
  loadedModules.set(path, loaded);
  // Counted before it is waited for, so that nobody ends it in the meantime.
  loaded.stores += 1;
  const release = (finalize?: () => void) => {
    loaded.stores -= 1;
    if (loaded.stores > 0) return;
    loadedModules.delete(path);
    finalize?.();
  };
  try {
    const { module, finalize } = await loaded.loading;
    return { module, release: () => release(finalize) };
  } catch (error) {
    release();
    throw error;
  }
}

async function realPathOf(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    throw new TransferError("ERR_PKCS11_MODULE", `${file}: there is no such PKCS #11 module`, {
      cause: error,
      details: { fileName: file },
    });
  }
}

async function loadModule(path: string): Promise<Awaited<LoadedModule["loading"]>> {
  const binding = await loadBinding();
  const functions = new binding.PKCS11();
  try {
    functions.load(path);
  } catch (error) {
    throw new TransferError(
      "ERR_PKCS11_MODULE",
      `${path}: this is no PKCS #11 module for this system, or a library that it needs is missing`,
      { cause: error, details: { fileName: path } },
    );
  }
  const { threads, ours } = initialize(functions, path);
  const finalize = () => {
    try {
      // Whoever initialised it ends it.
      if (ours) functions.C_Finalize();
    } catch {
      // It has ended already, and that is what was wanted.
    }
  };
  return { module: new CryptokiModule(functions, threads), finalize };
}

function initialize(functions: Binding.PKCS11, path: string): { threads: boolean; ours: boolean } {
  try {
    try {
      functions.C_Initialize({ flags: CKF_OS_LOCKING_OK });
      return { threads: true, ours: true };
    } catch (error) {
      if (returnValueOf(error) !== CKR.cantLock) throw error;
      functions.C_Initialize({ flags: 0 });
      return { threads: false, ours: true };
    }
  } catch (error) {
    // Something else in this process uses it. Whether with or without threads is not known.
    if (returnValueOf(error) === CKR.cryptokiAlreadyInitialized) return { threads: false, ours: false };
    throw new TransferError("ERR_PKCS11_MODULE", `${path}: the PKCS #11 module does not start`, {
      cause: pkcs11Error(error, "C_Initialize", path),
      details: { fileName: path },
    });
  }
}

/** The binding is an optional dependency with a native part: many installations neither have nor need it. */
async function loadBinding(): Promise<typeof Binding> {
  try {
    const { default: binding } = (await import("pkcs11js")) as unknown as { default: typeof Binding };
    return binding;
  } catch (error) {
    throw new TransferError(
      "ERR_PKCS11_UNAVAILABLE",
      `PKCS #11 needs the package pkcs11js, which is not installed or does not fit this system: run npm install pkcs11js (${errorMessage(error).split("\n")[0]})`,
      { cause: error },
    );
  }
}
