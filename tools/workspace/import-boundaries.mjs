// Imports point down the table in layers.mjs, go through a package's public entry, and are declared in package.json.
// Turborepo's own `turbo boundaries` sees neither files of declared dependencies (`@waybill/x/src/…`), nor the use of a
// devDependency in published sources, nor `.mts`, `require`, `jest.mock` and `import("x").T`; hence this check.
import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import { parseSync } from "@swc/core";
import { allowedPackages, testTools } from "./layers.mjs";
import { readManifest, workspacePackages } from "./workspace-packages.mjs";

/** @typedef {import("./workspace-packages.mjs").WorkspacePackage} WorkspacePackage */

const SOURCE_FILE = /\.[cm]?[jt]s$/;
const TEST_FILE = /\.test\.[cm]?ts$/;
const IGNORED_FOLDERS = new Set(["node_modules", "dist", "test-results", ".turbo"]);

/**
 * Every import and every declared dependency that the rules refuse, as lines for people.
 * @param {string} root A folder with the layout of this repository.
 * @returns {string[]}
 */
export function boundaryViolations(root) {
  const all = workspacePackages(root);
  const { devDependencies: shared = {} } = readManifest(join(root, "package.json"));
  return all.flatMap((importer) => {
    const allowed = allowedPackages(importer, all);
    if (allowed === undefined) return [`${importer.name}: has no line in tools/workspace/layers.mjs`];
    const context = { importer, all, allowed, shared: Object.keys(shared), root };
    const imports = sourceFiles(importer.folder).flatMap((file) => fileViolations(file, context));
    return [...manifestViolations(context), ...imports];
  });
}

/**
 * @typedef {object} Context
 * @property {WorkspacePackage} importer
 * @property {readonly WorkspacePackage[]} all
 * @property {readonly string[]} allowed Our packages that the importer may use.
 * @property {readonly string[]} shared The root's devDependencies, which tests and tools may use.
 * @property {string} root
 */

/** @param {Context} context */
function manifestViolations({ importer, all, allowed }) {
  const ours = new Set(all.map(({ name }) => name));
  const { dependencies = {}, devDependencies = {} } = importer.manifest;
  const refused = [
    ...Object.keys(dependencies).filter((name) => ours.has(name) && !allowed.includes(name)),
    ...Object.keys(devDependencies).filter(
      (name) => ours.has(name) && !allowed.includes(name) && !testTools.includes(name),
    ),
  ];
  return refused.map((name) => `${importer.name}: package.json depends on ${name}, which is not below it`);
}

/** @param {string} file @param {Context} context */
function fileViolations(file, context) {
  const { importer, root } = context;
  const text = readFileSync(file, "utf8");
  return importedNames(text, file).flatMap((name) => {
    const reason = refusal(name, file, context);
    if (reason === undefined) return [];
    const before = text.slice(0, Math.max(0, text.search(new RegExp(`["'\`]${escapeRegExp(name)}["'\`]`))));
    return [`${relative(root, file)}:${before.split("\n").length}: ${importer.name} ${reason}`];
  });
}

/**
 * Why an import is refused, or undefined when it is fine.
 * @param {string} name @param {string} file @param {Context} context
 */
function refusal(name, file, { importer, all, allowed, shared }) {
  if (name.startsWith(".") || name.startsWith("/")) {
    const target = resolve(dirname(file), name);
    return target.startsWith(importer.folder + sep) ? undefined : `reaches out of its folder: ${name}`;
  }
  if (name.startsWith("node:") || builtinModules.includes(name)) return undefined;

  const packageName = name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
  const published = importer.group !== "tools" && isPublishedSource(file, importer);
  const ours = all.find((each) => each.name === packageName);
  if (ours !== undefined) {
    const tool = testTools.includes(packageName);
    const self = packageName === importer.name;
    if (tool && published) return `uses the test tool ${packageName} outside of its tests`;
    if (!tool && !self && !allowed.includes(packageName))
      return `imports ${packageName}, which is not below it`;
    const entry = `.${name.slice(packageName.length)}`;
    if (!Object.hasOwn(ours.manifest.exports ?? {}, entry))
      return `imports ${name}, which is not a public entry of ${packageName}`;
    if (self) return undefined;
  }
  const { dependencies, peerDependencies, optionalDependencies, devDependencies } = importer.manifest;
  const declared = Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies });
  if (!published) declared.push(...Object.keys(devDependencies ?? {}), ...shared);
  const types = `@types/${packageName.replace(/^@/, "").replace("/", "__")}`;
  if (declared.includes(packageName) || (!published && declared.includes(types))) return undefined;
  return `imports ${packageName} without declaring it${published ? " in its dependencies" : ""}`;
}

/** @param {string} file @param {WorkspacePackage} importer */
function isPublishedSource(file, importer) {
  return file.startsWith(join(importer.folder, "src") + sep) && !TEST_FILE.test(file);
}

/** @param {string} folder @returns {string[]} */
function sourceFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return IGNORED_FOLDERS.has(entry.name) ? [] : sourceFiles(path);
    return SOURCE_FILE.test(entry.name) ? [path] : [];
  });
}

/**
 * The names in every form of import: statements, re-exports, `import()` in code and in types, `require`,
 * `import.meta.resolve` and Jest's module functions.
 * @param {string} text @param {string} file
 * @returns {string[]}
 */
export function importedNames(text, file) {
  /** @type {Set<string>} */
  const names = new Set();
  /** @param {any} node */
  const visit = (node) => {
    if (Array.isArray(node)) node.forEach(visit);
    else if (node !== null && typeof node === "object") {
      const name = importedName(node);
      if (name !== undefined) names.add(name);
      Object.values(node).forEach(visit);
    }
  };
  try {
    visit(parseSync(text, { syntax: "typescript", target: "es2022" }).body);
  } catch (error) {
    throw new Error(`${file} could not be parsed`, { cause: error });
  }
  return [...names];
}

const MODULE_FUNCTION = /^(require|resolve|mock|doMock|unstable_mockModule|requireActual|requireMock)$/;

/** @param {any} node A node of swc's syntax tree. @returns {string | undefined} */
function importedName(node) {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
      return node.source?.value;
    case "TsImportType":
      return node.argument.value;
    case "TsExternalModuleReference":
      return node.expression.value;
    case "CallExpression":
      return isModuleFunction(node.callee) ? literal(node.arguments[0]?.expression) : undefined;
    default:
      return undefined;
  }
}

/** @param {any} callee */
function isModuleFunction(callee) {
  if (callee.type === "Import") return true;
  if (callee.type === "Identifier") return callee.value === "require";
  if (callee.type !== "MemberExpression" || !MODULE_FUNCTION.test(callee.property.value)) return false;
  // `Promise.resolve("x")` and a mock of another library are no imports.
  return callee.object.type === "MetaProperty" || ["jest", "require"].includes(callee.object.value);
}

/** @param {any} expression @returns {string | undefined} */
function literal(expression) {
  if (expression?.type === "StringLiteral") return expression.value;
  if (expression?.type === "TemplateLiteral" && expression.expressions.length === 0)
    return expression.quasis[0].cooked;
  return undefined;
}

/** @param {string} text */
function escapeRegExp(text) {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
