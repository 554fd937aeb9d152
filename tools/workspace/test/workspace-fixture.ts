import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";

/** A temporary folder with these files in it; objects are written as JSON. */
export async function folderWith(files: Readonly<Record<string, unknown>>): Promise<TemporaryFolder> {
  const folder = await temporaryFolder("waybill-workspace-");
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

/** The package.json of a publishable package, complete, with some fields replaced. */
export function manifest(name: string, fields: Readonly<Record<string, unknown>> = {}) {
  return {
    name,
    version: "1.0.0",
    license: "MIT",
    exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } },
    files: ["dist"],
    engines: { node: ">=20.19" },
    publishConfig: { access: "public" },
    ...fields,
  };
}
