import { optionError } from "@waybill/net-core";
import { hasMask, maskMatcher, quoteMask } from "./mask.js";
import { quoteRemotePath, shellQuote } from "./shell-quote.js";
import { decodeVisual } from "./visual-name.js";

/** One path that is asked of the server, understood. */
export interface RemoteRequest {
  /** As it was given. */
  readonly path: string;
  /** For the server's shell: quoted, but for the mask in it. */
  readonly argument: string;
  /** Whether the server expands it, to any number of entries. */
  readonly masked: boolean;
  /** Whether it names a folder that has no name of its own here (`.`, `..`, `/`, `~`): what is in it is asked for. */
  readonly contents: boolean;
  /** The folder that it is in; undefined when there is a mask in that. */
  readonly folder: string | undefined;
  /** The last component, which may be a mask; empty for `/`. */
  readonly base: string;
  /** Whether the server may send an entry of this name (CVE-2019-6111). */
  accepts(name: string): boolean;
}

/** Reads a path. Errors: `ERR_OPTION_INVALID` for one with NUL in it. */
export function parseRemotePath(path: string, masks: boolean): RemoteRequest {
  if (path.includes("\0")) throw optionError("remotePath", "must not have NUL in it");
  const components = path.replace(/\/+$/, "").split("/");
  const base = components.at(-1) ?? "";
  const masked = masks && components.some(hasMask);
  const folders = components.slice(0, -1);
  const maskedFolder = masks && folders.some(hasMask);
  const nameless =
    !masked &&
    (base === "" || base === "." || base === ".." || (components.length === 1 && base.startsWith("~")));
  const matcher = masks && hasMask(base) ? maskMatcher(base) : () => false;
  return {
    path,
    argument: masked ? quoteMaskedPath(path) : quoteRemotePath(path),
    masked,
    contents: nameless,
    base,
    folder: maskedFolder ? undefined : folderText(path, components),
    accepts: (name) => name === base || matcher(name) || (path.includes("\n") && decodeVisual(name) === base),
  };
}

/** The path of `name` in the folder `parent`. */
export function remoteJoin(parent: string, name: string): string {
  if (parent === "" || parent === ".") return name.startsWith("~") ? `./${name}` : name;
  return parent.endsWith("/") ? `${parent}${name}` : `${parent}/${name}`;
}

function folderText(path: string, components: readonly string[]): string {
  if (components.length > 1) return components.slice(0, -1).join("/") || "/";
  return path.startsWith("/") ? "/" : "";
}

function quoteMaskedPath(path: string): string {
  // Without `./` a file that is called `-r` would be an option where the shell expands the mask.
  const relative = !path.startsWith("/") && !path.startsWith("~");
  const components = (relative ? `./${path}` : path).split("/");
  const groups: string[] = [];
  let literal = "";
  components.forEach((component, index) => {
    const slash = index === 0 ? "" : "/";
    if (!hasMask(component)) {
      literal += slash + component;
      return;
    }
    groups.push(quoteLiteral(literal + slash, groups.length === 0), quoteMask(component));
    literal = "";
  });
  groups.push(quoteLiteral(literal, groups.length === 0));
  return groups.join("");
}

function quoteLiteral(text: string, first: boolean): string {
  if (text === "") return "";
  return first ? quoteRemotePath(text) : shellQuote(text);
}
