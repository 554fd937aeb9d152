import { StatusCode } from "../codec/packet-types.js";
import type { Reply } from "../codec/replies.js";
import type { Request, RequestKind } from "../codec/requests.js";
import type { FileSystem } from "../file-system.js";
import type { HandleTable } from "./handle-table.js";
import type { OpenFiles } from "./open-file.js";
import type { SessionSettings } from "./session-options.js";

/** What the handlers of requests work with. */
export interface SessionContext {
  readonly settings: SessionSettings;
  readonly fileSystem: FileSystem;
  readonly handles: HandleTable;
  readonly openFiles: OpenFiles;
  /** Whether the client is gone: long work can stop. */
  readonly isOver: () => boolean;
}

/** The requests that are answered with one reply, once; READ and WRITE have ways of their own, INIT is not a request. */
export type HandledKind = Exclude<RequestKind, "init" | "read" | "write">;

export type RequestOf<K extends RequestKind> = Request extends infer R
  ? R extends { readonly kind: infer Kind }
    ? K extends Kind
      ? R
      : never
    : never
  : never;

/** Does what requests of one kind ask for. Errors become a status. */
export type Handler<K extends RequestKind> = (
  context: SessionContext,
  request: RequestOf<K>,
) => Promise<Reply>;

export type Handlers<Kinds extends RequestKind> = { readonly [K in Kinds]: Handler<K> };

export function success(id: number): Reply {
  return { kind: "status", id, code: StatusCode.OK, message: "Success", language: "" };
}

export function status(id: number, code: number, message: string): Reply {
  return { kind: "status", id, code, message, language: "" };
}

/** A NAME reply with one path and, as the draft has it for these requests, no attributes. */
export function singleName(id: number, name: string): Reply {
  return { kind: "name", id, names: [{ name, longName: name, attributes: {} }] };
}
