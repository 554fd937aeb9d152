import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { errorCode, errorMessage } from "@waybill/net-core";
import type { ConfigMap, ConfigNode } from "./config-node.js";

/** What is found out while a configuration is read. */
export interface ConfigContext {
  /** Paths are relative to it. */
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  /** A password stands in the file itself. */
  holdsPasswords: boolean;
}

const VARIABLE = /^\$\{(\w+)\}$/;

/** A password: in the file, from a variable as `${NAME}`, or the first line of the file that `<key>File` names. */
export async function secretOf<K extends string>(
  map: ConfigMap<K>,
  key: K,
  fileKey: K,
  context: ConfigContext,
): Promise<{ readonly text: string; readonly node: ConfigNode } | undefined> {
  const inline = map.get(key);
  const file = map.get(fileKey);
  if (inline !== undefined && file !== undefined) throw file.error(`is one too many beside ${key}`);
  if (inline !== undefined) return { text: inlineSecret(inline, context), node: inline };
  if (file === undefined) return undefined;
  return {
    text: (await readConfigFile(file, context)).toString("utf8").split(/\r?\n/, 1)[0] ?? "",
    node: file,
  };
}

/** For the warning that the file must not be read by others. */
export function noteSecret(node: ConfigNode | undefined, context: ConfigContext): void {
  if (node !== undefined && !VARIABLE.test(node.text())) context.holdsPasswords = true;
}

function inlineSecret(node: ConfigNode, context: ConfigContext): string {
  const text = node.text();
  const name = VARIABLE.exec(text)?.[1];
  noteSecret(node, context);
  if (name === undefined) return text;
  const value = context.environment[name];
  if (value === undefined || value === "")
    throw node.error(`needs the environment variable ${name}, which is not set`);
  return value;
}

/** The file that a setting names. */
export async function readConfigFile(node: ConfigNode, { folder }: ConfigContext): Promise<Buffer> {
  const path = resolve(folder, node.text());
  try {
    return await readFile(path);
  } catch (error) {
    const reason = errorCode(error) === "ENOENT" ? "is not there" : `cannot be read: ${errorMessage(error)}`;
    throw node.error(`names the file ${path}, which ${reason}`);
  }
}
