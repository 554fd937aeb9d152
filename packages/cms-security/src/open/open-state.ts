import { type Logger, optionError, silentLogger } from "@waybill/net-core";
import { cmsError, damaged, decryptError, isFormatProblem } from "../cms-error.js";
import type { FoundKind } from "./content-info.js";
import type { DescribedLayer, LayerKind } from "./layer-report.js";
import { type Expectations, OPEN_LIMITS, type OpenLimits, type OpenOptions } from "./open-options.js";

const KINDS = ["signed", "encrypted", "compressed"] as const;

/** One message that is being opened: what is wanted of it, and what was seen of it. */
export class OpenState {
  readonly options: OpenOptions;
  readonly limits: OpenLimits;
  readonly logger: Logger;
  /** While opening they are all of those of `LayerReport`. */
  readonly layers: DescribedLayer[] = [];
  /** Without keys, a description ends at what is encrypted. */
  readonly describing: boolean;
  /** Bytes of the message that were read. */
  sealedBytes = 0;
  /** Inside of what nobody can look into: an encryption, or content that is not in the message. Only while describing. */
  opaque = false;
  /** What is in the layer that was entered last is of its own type and holds no layers. Only while describing. */
  innermost = false;
  readonly #expect: Expectations;
  readonly #seen: FoundKind[] = [];
  /** In which layer an error came up. */
  readonly #origins = new WeakMap<object, number>();

  constructor(options: OpenOptions, describing: boolean) {
    const { signers, verifySignatures, limits = {} } = options;
    this.options = options;
    this.describing = describing;
    this.logger = options.logger ?? silentLogger;
    this.limits = limitsOf(limits);
    const mustBeSigned = signers !== undefined && verifySignatures !== false ? true : undefined;
    this.#expect = { ...options.expect, signed: options.expect?.signed ?? mustBeSigned };
  }

  get depth(): number {
    return this.#seen.length;
  }

  /** Whether what was found is a layer to open; otherwise it is the content. */
  isLayer(kind: FoundKind | undefined): kind is FoundKind {
    if (this.describing) return this.#isDescribed(kind);
    const expect = this.#expect;
    const missing = KINDS.filter((wanted) => expect[wanted] === true && !this.#seen.includes(wanted));
    const isOutermost = this.depth === 0;
    const isExact = KINDS.every((wanted) => expect[wanted] !== undefined);
    if (isExact && missing.length === 0 && !isOutermost) return false;
    if (!isOpenable(kind)) {
      if (isOutermost && !isKnown(kind)) throw damaged("it does not begin like one");
      if (isOutermost)
        throw cmsError("ERR_CMS_CONTENT_TYPE", "the CMS message is of a type that is not supported");
      if (missing.length > 0) throw missingLayer(missing);
      return false;
    }
    if (kind === "data" && missing.length > 0) throw missingLayer(missing);
    if (kind !== "data" && expect[kind] === false) {
      throw cmsError("ERR_CMS_LAYER_FORBIDDEN", `the message is ${kind}, which it must not be`, {
        details: { kind, missing },
      });
    }
    return true;
  }

  /** Anything that looks like CMS at the beginning; within it only what is surely that. */
  #isDescribed(kind: FoundKind | undefined): kind is FoundKind {
    if (this.depth > 0) return isKnown(kind);
    if (kind === undefined) throw damaged("it does not begin like one");
    return true;
  }

  /** A layer is about to be opened. Gives its number. */
  enter(kind: FoundKind): number {
    if (this.depth >= this.limits.layers) {
      throw cmsError(
        "ERR_CMS_LAYERS",
        `the message has more than ${this.limits.layers} layers in each other`,
        {
          details: { limit: "layers", most: this.limits.layers },
        },
      );
    }
    this.#seen.push(kind);
    return this.depth - 1;
  }

  /** Remembers that an error came up in this layer, unless it came through it from another. */
  blame(error: unknown, depth: number): void {
    if (typeof error === "object" && error !== null && !this.#origins.has(error))
      this.#origins.set(error, depth);
  }

  /**
   * The error as the caller may see it. Whatever is wrong with the form of something encrypted looks the same from
   * outside: a wrong key makes garbage of it, and so does a change; telling them apart would help to guess what is inside.
   */
  outward(error: unknown): unknown {
    const encrypted = this.#seen.indexOf("encrypted");
    if (encrypted < 0 || !isFormatProblem(error)) return error;
    const origin = this.#origins.get(error as object) ?? this.depth;
    return origin > encrypted ? decryptError(error) : error;
  }
}

const isKnown = (kind: FoundKind | undefined): boolean => kind !== undefined && kind !== "other";

function isOpenable(kind: FoundKind | undefined): kind is LayerKind {
  return kind === "data" || KINDS.some((one) => one === kind);
}

function missingLayer(missing: readonly string[]): Error {
  return cmsError(
    "ERR_CMS_LAYER_MISSING",
    `the message is not ${missing.join(" and not ")}, which it must be`,
    {
      details: { missing },
    },
  );
}

function limitsOf(given: Partial<OpenLimits>): OpenLimits {
  const limits = { ...OPEN_LIMITS, ...withoutUndefined(given) };
  for (const [name, value] of Object.entries(limits)) {
    if (!(value >= 0)) throw optionError(`limits.${name}`, "must be a number that is not negative");
  }
  const isBounded = Number.isFinite(limits.contentBytes) && given.compressionRatio === undefined;
  return isBounded ? { ...limits, compressionRatio: Number.POSITIVE_INFINITY } : limits;
}

function withoutUndefined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as Partial<T>;
}
