import { readdir, readFile } from "node:fs/promises";

/** The example of a package's README, and the file `test/readme-example.ts` that proves it. `testUrl`: a test's `import.meta.url`. */
export async function readmeExample(testUrl: string): Promise<{ inReadme: string; inFile: string }> {
  const inReadme = /```ts\n(.*?)```/s.exec(await read(testUrl, "../README.md"))?.[1] ?? "";
  return { inReadme, inFile: await read(testUrl, "./readme-example.ts") };
}

/**
 * The error codes in a README's table, and those that the package's sources raise; each sorted, each once. A code that
 * ends in `_` is the beginning of several, and is none itself.
 */
export async function readmeErrorCodes(testUrl: string): Promise<{ listed: string[]; raised: string[] }> {
  const listed = (await read(testUrl, "../README.md")).match(/(?<=^\| `)ERR_\w+(?=`)/gm) ?? [];
  const folder = new URL("../src/", testUrl);
  const names = await readdir(folder, { recursive: true });
  const sources = names.filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  const texts = await Promise.all(sources.map((name) => readFile(new URL(name, folder), "utf8")));
  return {
    listed: sortedOnce(listed),
    raised: sortedOnce(texts.join("\n").match(/(?<=")ERR_\w*[A-Z0-9](?=")/g) ?? []),
  };
}

function read(testUrl: string, path: string): Promise<string> {
  return readFile(new URL(path, testUrl), "utf8");
}

function sortedOnce(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}
