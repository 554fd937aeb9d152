import { UsageError } from "./usage-error.js";

/** One side of a copy: a path here, or one on a server. */
export type CopySide =
  | { readonly kind: "local"; readonly path: string }
  | {
      readonly kind: "remote";
      readonly user: string | undefined;
      readonly host: string;
      readonly path: string;
    };

/**
 * `user@host:path`, `host:path`, `[::1]:path`; anything else is a local path, as is a path whose first `/` comes before
 * its first `:` (`./a:b`).
 */
export function parseCopySide(text: string): CopySide {
  const match = /^(?:([^/@:[\]]+(?:@[^/@:[\]]+)*)@)?(\[[0-9A-Fa-f:.%\w]+\]|[^/:@[\]]+):(.*)$/s.exec(text);
  if (match === null) return { kind: "local", path: text };
  const [, user, host = "", path = ""] = match;
  return { kind: "remote", user, host: host.replace(/^\[|\]$/g, ""), path: path === "" ? "." : path };
}

/** What a copy is between. */
export type Copy =
  | {
      readonly direction: "up";
      readonly remote: RemoteAccount;
      readonly sources: string[];
      readonly target: string;
    }
  | {
      readonly direction: "down";
      readonly remote: RemoteAccount;
      readonly sources: string[];
      readonly target: string;
    };

export interface RemoteAccount {
  readonly user: string | undefined;
  readonly host: string;
}

/** Errors: {@link UsageError} unless exactly one side is remote and all remote paths are on one account. */
export function parseCopy(sourceTexts: readonly string[], targetText: string): Copy {
  const sources = sourceTexts.map(parseCopySide);
  const target = parseCopySide(targetText);
  if (target.kind === "remote") {
    const local = sources.map((source) => {
      if (source.kind === "remote")
        throw new UsageError("copying from server to server is not possible: one side must be local");
      return source.path;
    });
    return { direction: "up", remote: target, sources: local, target: target.path };
  }
  const [first] = sources;
  const paths = sources.map((source) => {
    if (source.kind === "local" || first?.kind !== "remote") {
      throw new UsageError("one side must be on a server, as in user@host:path");
    }
    if (source.host !== first.host || source.user !== first.user) {
      throw new UsageError("all sources must be on the same server and user");
    }
    return source.path;
  });
  if (first?.kind !== "remote") throw new UsageError("one side must be on a server, as in user@host:path");
  return { direction: "down", remote: first, sources: paths, target: target.path };
}
