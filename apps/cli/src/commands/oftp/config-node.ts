import { TransferError } from "@waybill/net-core";
import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Document as YamlDocument,
} from "yaml";
import { nearest } from "./nearest.js";

interface Source {
  readonly fileName: string;
  readonly document: YamlDocument.Parsed;
  readonly lines: LineCounter;
}

/** A value of a configuration file that knows where it stands, so that every complaint names file and line. */
export class ConfigNode {
  readonly #source: Source;
  readonly #node: Node | null;
  /** Where it is looked for when it has no place of its own. */
  readonly #offset: number;
  /** As in `partners[0].level`. */
  readonly path: string;

  private constructor(source: Source, node: unknown, offset: number, path: string) {
    const resolved = isAlias(node) ? node.resolve(source.document) : node;
    this.#source = source;
    this.#node = isScalar(resolved) || isCollection(resolved) ? resolved : null;
    this.#offset = this.#node?.range?.[0] ?? offset;
    this.path = path;
  }

  /** Errors: `ERR_CONFIG`, also below. */
  static parse(text: string, fileName: string): ConfigNode {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
    const source = { fileName, document, lines };
    const [problem] = [...document.errors, ...document.warnings];
    const root = new ConfigNode(source, document.contents, problem?.pos[0] ?? 0, "");
    if (problem !== undefined) throw root.#errorAt(problem.pos[0], problem.message);
    return root;
  }

  /** The error for this value: `config.yaml:12: partners[0].level must be 1, 2, 4 or 5`. */
  error(requirement: string): TransferError {
    return this.#errorAt(this.#offset, `${this.path || "the file"} ${requirement}`);
  }

  get isMap(): boolean {
    return isMap(this.#node);
  }

  get isList(): boolean {
    return isSeq(this.#node);
  }

  /** The values of a map, by key; all keys must be known. */
  map<K extends string>(known: readonly K[]): ConfigMap<K> {
    const node = this.#node;
    if (!isMap(node)) throw this.error("must be a map of names and values");
    const entries = new Map<string, ConfigNode>();
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : "?";
      const offset = isScalar(key) ? (key.range?.[0] ?? this.#offset) : this.#offset;
      const path = this.path === "" ? name : `${this.path}.${name}`;
      const entry = new ConfigNode(this.#source, value, offset, path);
      if (!(known as readonly string[]).includes(name)) {
        const meant = nearest(name, known);
        const advice = meant === undefined ? `known are ${known.join(", ")}` : `did you mean ${meant}?`;
        throw this.#errorAt(offset, `${path} is no setting: ${advice}`);
      }
      entries.set(name, entry);
    }
    return new ConfigMap(this, entries);
  }

  list(): readonly ConfigNode[] {
    const node = this.#node;
    if (!isSeq(node)) throw this.error("must be a list");
    return node.items.map(
      (item, index) => new ConfigNode(this.#source, item, this.#offset, `${this.path}[${index}]`),
    );
  }

  /** A list, or one value that stands for a list of one. */
  listOrOne(): readonly ConfigNode[] {
    return this.isList ? this.list() : [this];
  }

  /** Text that is not empty. What YAML takes for a number is text as it was written. */
  text(): string {
    const node = this.#node;
    const value = isScalar(node) ? node.value : undefined;
    const text = typeof value === "string" ? value : this.#written();
    if (text === undefined || text === "") throw this.error("must be a text");
    return text;
  }

  integer(least: number, most: number): number {
    const value = this.#value();
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most)
      return value;
    throw this.error(`must be a whole number from ${least} to ${most}`);
  }

  boolean(): boolean {
    const value = this.#value();
    if (typeof value === "boolean") return value;
    throw this.error("must be true or false");
  }

  oneOf<T extends string | number>(choices: readonly T[]): T {
    const value = this.#value();
    const chosen = choices.find((choice) => choice === value);
    if (chosen !== undefined) return chosen;
    const words = choices.map(String);
    throw this.error(`must be ${words.slice(0, -1).join(", ")} or ${words.at(-1)}`);
  }

  #value(): unknown {
    return isScalar(this.#node) ? this.#node.value : undefined;
  }

  #written(): string | undefined {
    const node = this.#node;
    return isScalar(node) && typeof node.value === "number" ? node.source : undefined;
  }

  #errorAt(offset: number, message: string): TransferError {
    const { fileName, lines } = this.#source;
    const { line } = lines.linePos(offset);
    return new TransferError("ERR_CONFIG", `${fileName}:${Math.max(1, line)}: ${message}`, {
      details: { fileName, line },
    });
  }
}

/** A map of a configuration file. */
export class ConfigMap<K extends string> {
  readonly node: ConfigNode;
  readonly #entries: ReadonlyMap<string, ConfigNode>;

  constructor(node: ConfigNode, entries: ReadonlyMap<string, ConfigNode>) {
    this.node = node;
    this.#entries = entries;
  }

  get(key: K): ConfigNode | undefined {
    return this.#entries.get(key);
  }

  require(key: K): ConfigNode {
    const entry = this.#entries.get(key);
    if (entry === undefined) throw this.node.error(`needs ${key}`);
    return entry;
  }

  /** What `read` makes of the value of a key, under another name; nothing when it is not there. */
  option<N extends string, T>(key: K, name: N, read: (node: ConfigNode) => T): { readonly [P in N]?: T } {
    const entry = this.#entries.get(key);
    return (entry === undefined ? {} : { [name]: read(entry) }) as { readonly [P in N]?: T };
  }
}
